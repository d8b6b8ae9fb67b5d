"""Memory that the start or a sweep needed, given back to the machine when that is over.

Pages of lists and their rows are large and short-lived; what they leave is free, but stays with the process, for the C
library keeps it for whoever asks next. After a sweep nobody does, for minutes or hours.
"""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Give free memory back, where the C library can: `malloc_trim` of glibc. Takes some milliseconds."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
