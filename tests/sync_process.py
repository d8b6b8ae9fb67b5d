"""A process that keeps a store current until it is killed: `python -m tests.sync_process store NAME=value ...`.

With `HASTE_SECONDS` it sweeps, and asks for what has changed, that often.
"""

import asyncio
import sys

from httpclient.client import open_session
from resolvers.opening import open_scheduler
from resolvers.registry import SOURCES
from resolvers.resilience.transport import TransportSettings
from resolvers.settings import read
from resolvers.telemetry import log_events
from store.database import StoreUnavailable, open_database
from sync.service import Sync, open_sync
from sync.settings import SyncSettings
from tests.sync_world import columns, derivation

CREDENTIALS = {
    "NEXUDUS_ACCESS_TOKEN": "",
    "NEXUDUS_RATIONED": "false",
    "CHARTMOGUL_RATIONED": "false",
}


async def is_complete(sync: Sync) -> bool:
    """Return whether all is read; not while the store is away."""
    try:
        return all(one.is_complete and one.progress is None for one in await sync.statuses())
    except StoreUnavailable:
        return False


async def main(path: str, environ: dict[str, str]) -> None:
    """Sync for ever; say when both sources are complete."""
    async with open_database(path) as database, open_session() as session:
        schedulers = {
            source.name: open_scheduler(
                source, read(source.settings, environ), session, TransportSettings(), log_events
            )
            for source in SOURCES
        }
        settings = SyncSettings(full_sweep_seconds=60.0)
        if haste := environ.get("HASTE_SECONDS"):
            often = dict.fromkeys(
                ("increment_seconds", "increment_longest_seconds", "full_sweep_seconds"), float(haste)
            )
            settings = SyncSettings(**often)
        async with open_sync(
            database,
            schedulers,
            columns,
            settings,
            derivation=derivation,
            tombstone_seconds=86_400.0,
            changes_seconds=86_400.0,
        ) as sync:
            print("started", flush=True)
            while not await is_complete(sync):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            print("complete", flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    given = CREDENTIALS | dict(pair.split("=", 1) for pair in sys.argv[2:])
    asyncio.run(main(sys.argv[1], given))
