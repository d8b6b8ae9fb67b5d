"""The records of both vendors at a glance: examples, and the special ones under fixed ids.

All people and companies are invented. The same seed gives the same records; the examples and special records are the
same for every seed.
"""

from typing import Final

from .chartmogul_records import CHARTMOGUL_DOCUMENTED_ID, CHARTMOGUL_EXAMPLE_ID, CHARTMOGUL_SPECIAL, chartmogul_records
from .nexudus_records import NEXUDUS_EXAMPLE_ID, nexudus_records
from .nexudus_special import NEXUDUS_SPECIAL

SPECIAL: Final[dict[str, int | str]] = {**NEXUDUS_SPECIAL, **CHARTMOGUL_SPECIAL}
"""What is odd about a record -> its id, of both vendors."""

__all__ = [
    "CHARTMOGUL_DOCUMENTED_ID",
    "CHARTMOGUL_EXAMPLE_ID",
    "CHARTMOGUL_SPECIAL",
    "NEXUDUS_EXAMPLE_ID",
    "NEXUDUS_SPECIAL",
    "SPECIAL",
    "chartmogul_records",
    "nexudus_records",
]
