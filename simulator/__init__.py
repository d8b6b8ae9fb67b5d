"""Nexudus and ChartMogul on loopback: both vendors' REST APIs over real sockets, deterministic, with faults on demand.

    simulator = Simulator(seed=1)
    async with simulator.serve() as urls:          # urls.nexudus, urls.chartmogul
        simulator.environment(urls)                # the settings of a client
        simulator.nexudus.faults.add(faults.status(503), times=1, ids={1427000501})
        simulator.nexudus.calls                    # its requests, in order

One port, two prefixes. It imports nothing of the rest of the project, so that it can be wrong only on its own account:
what no vendor documents is marked "assumed" where it is served. `python -m simulator` runs it by itself, and
`/__sim__/` controls it from outside (see `simulator.control`).
"""

from . import faults
from .app import Simulator, Urls
from .calls import Call, Kind
from .fault_flags import parse_faults
from .fault_rules import Fault, Rule
from .fault_table import FAULTS
from .page_faults import PAGE_FAULTS
from .records import (
    CHARTMOGUL_DOCUMENTED_ID,
    CHARTMOGUL_EXAMPLE_ID,
    CHARTMOGUL_SPECIAL,
    NEXUDUS_EXAMPLE_ID,
    NEXUDUS_SPECIAL,
    SPECIAL,
)

__all__ = [
    "CHARTMOGUL_DOCUMENTED_ID",
    "CHARTMOGUL_EXAMPLE_ID",
    "CHARTMOGUL_SPECIAL",
    "FAULTS",
    "NEXUDUS_EXAMPLE_ID",
    "NEXUDUS_SPECIAL",
    "PAGE_FAULTS",
    "SPECIAL",
    "Call",
    "Fault",
    "Kind",
    "Rule",
    "Simulator",
    "Urls",
    "faults",
    "parse_faults",
]
