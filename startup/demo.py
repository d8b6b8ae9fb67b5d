"""The demo: sources that the simulator plays, and the queries that are open in GraphiQL's tabs."""

import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from resolvers.registry import SOURCES
from resolvers.settings import BadSettings, read
from resolvers.source_settings import SourceSettings
from web.graphiql.page import Sample

SAMPLES = Path(__file__).parent.parent / "examples" / "queries"


def samples() -> list[Sample]:
    """Return the sample queries: the tabs of GraphiQL, and what the demo prints."""
    found = []
    for file in sorted(SAMPLES.glob("*.graphql")):
        beside = file.with_suffix(".json")
        query = file.read_text("utf-8")
        name = re.search(r"^query (\w+)", query, re.MULTILINE)
        found.append(
            Sample(name[1] if name else file.stem, query, beside.read_text("utf-8") if beside.exists() else "")
        )
    return found


@asynccontextmanager
async def simulated_sources(faults: Sequence[str]) -> AsyncIterator[dict[str, SourceSettings]]:
    """Serve the simulated sources, with these faults; yield the settings that lead to them."""
    from simulator import Simulator, parse_faults  # a server of real sources never loads it

    simulator = Simulator(is_demo=True)
    simulator.fail(parse_faults(faults))
    async with simulator.serve() as urls:
        log = logging.getLogger("opportunity_graph.demo").info
        log("the simulated sources fail on demand: %s/faults", urls.control)
        log("the records of the simulated sources: %s/deals", urls.control)
        # Unrationed like the simulator: nobody's account suffers from a demo.
        given = simulator.environment(urls) | {f"{source.name}_RATIONED".upper(): "false" for source in SOURCES}
        yield {source.name: read(source.settings, given) for source in SOURCES}


def check_faults(faults: Sequence[str], *, demo: bool) -> None:
    """Raise `BadSettings` where `--fault` names none, or there is nothing simulated."""
    if not faults:
        return
    if not demo:
        raise BadSettings(["--fault: only simulated sources fail on demand; add --demo"])
    from simulator import parse_faults

    try:
        parse_faults(faults)
    except ValueError as error:
        raise BadSettings([f"--fault: {error}"]) from None
