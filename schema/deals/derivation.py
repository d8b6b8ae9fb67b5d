"""By what the store's columns of a record are made: this program, the settings of its source, and who is who.

The store keeps this text with the deals of each account. Where it differs from today's, all deals are read anew, and
their columns with them, whatever is unchanged at the source.
"""

from typing import Final

from resolvers.source_settings import SourceSettings
from schema.people import PEOPLE

VERSION: Final = 1
"""Of what makes columns, and of what is stored of a record. One more whenever they come out otherwise
(`tests/test_deals_derivation.py` sees that); no number twice."""


def derivation(settings: SourceSettings) -> str:
    """Return the text for records of the source with these settings: the same in each process that derives alike."""
    return " ".join(filter(None, (str(VERSION), settings.interpretation, PEOPLE.digest)))
