"""Faults as a command line names them: `nexudus=503`, each for a vendor that fails from the start."""

from collections.abc import Iterable

from .control_requests import ALL_FAULTS
from .fault_rules import Fault

VENDORS = ("nexudus", "chartmogul")


def parse_faults(flags: Iterable[str]) -> list[tuple[str, Fault]]:
    """Return vendors and their faults; raises `ValueError` with what would be right."""
    found = []
    for flag in flags:
        vendor, _, name = flag.partition("=")
        if vendor not in VENDORS or name not in ALL_FAULTS:
            raise ValueError(
                f"must be a vendor and a fault, such as nexudus=500; vendors: {', '.join(VENDORS)}; "
                f"faults: {', '.join(ALL_FAULTS)}"
            )
        found.append((vendor, ALL_FAULTS[name]))
    return found
