"""What is said when the store cannot be used, and which errors of a driver do not mean that."""

from typing import Final

from sqlalchemy import exc


class StoreUnavailable(Exception):
    """The store cannot be used now; the text is one line for the operator, without a credential.

    `may_pass`: it may be there in a moment, though nobody changes a setting. `is_full`: there is no room left for what
    was written, though there may be for less.
    """

    def __init__(self, reason: str, *, may_pass: bool = False, is_full: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass
        self.is_full = is_full


MISTAKES: Final = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError, exc.InternalError)
"""What drivers raise for a statement that is wrong, unless a code says otherwise."""
