"""What is said when the store cannot be used, and which errors of a driver do not mean that."""

from typing import Final

from sqlalchemy import exc


class StoreUnavailable(Exception):
    """The store cannot be used now; the text is one line for the operator, without a credential."""


MISTAKES: Final = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError, exc.InternalError)
"""What drivers raise for a statement that is wrong, unless a code says otherwise."""
