"""`sync.service` over a database in threads, as in the server: each kind of store comes to have what the vendors have.

It is opened again an hour later, when everything is due, so that nobody waits.
"""

import asyncio
from typing import Any

import msgspec

from httpclient.client import open_session
from resolvers.chartmogul import record as chartmogul
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.nexudus import record as nexudus
from resolvers.opening import open_scheduler
from resolvers.registry import SOURCES
from resolvers.resilience.transport import TransportSettings
from resolvers.settings import read
from resolvers.stored_record import decode
from resolvers.telemetry import log_events
from simulator import Simulator
from store.database import Database, open_database
from store.tables import DEALS
from sync.service import open_sync
from sync.settings import SyncSettings
from tests.stores import deals_as_written
from tests.sync_world import DAY_SECONDS, TODAY, columns, derivation
from tests.waiting import PATIENCE_SECONDS

HOUR = 3_600.0
ENCODER = msgspec.json.Encoder(decimal_format="number")
SETTINGS = SyncSettings(sweep_seconds=HOUR, customers_per_minute=1_000)


def held(simulator: Simulator) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return the record of each deal that the vendors have, and the name and address of its customer."""
    deals: dict[tuple[str, str], tuple[Any, ...]] = {
        ("nexudus", str(id_)): (nexudus.parse(ENCODER.encode(one))[0], None, None)
        for id_, one in simulator.nexudus.records.items()
    }
    for id_, one in simulator.chartmogul.records.items():
        customer = simulator.chartmogul.customers.get(one["customer_uuid"], {})
        record = chartmogul.parse(ENCODER.encode(one))
        deals["chartmogul", id_] = (record, customer.get("name"), customer.get("email"))
    return deals


async def stored(database: Database) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return the same of the deals that the store has."""
    query = deals_as_written().where(DEALS.c.deleted_at.is_(None))
    rows = await database.read(lambda connection: connection.execute(query).all())
    return {
        (row.source, row.source_id): (decode(row.source, row.body), row.customer_name, row.customer_email)
        for row in rows
    }


async def test_rows_equal_the_vendors_on_each_database(store_url: str) -> None:
    hours = 0
    simulator = Simulator(deals=(200, 200), today=TODAY, clock=lambda: hours * HOUR)
    simulator.nexudus.list_largest_size = simulator.chartmogul.list_largest_size = 40
    async with (
        simulator.serve() as urls,
        open_session() as session,
        open_database(store_url) as database,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        given = simulator.environment(urls) | {"NEXUDUS_RATIONED": "false", "CHARTMOGUL_RATIONED": "false"}

        async def follow(gone: str | None = None) -> None:
            """Keep the store current until it has what the vendors have; let somebody ask for what is gone."""
            schedulers = {
                source.name: open_scheduler(
                    source, read(source.settings, given), session, TransportSettings(), log_events
                )
                for source in SOURCES
            }
            async with open_sync(
                database,
                schedulers,
                columns,
                SETTINGS,
                derivation=derivation,
                tombstone_seconds=DAY_SECONDS,
                changes_seconds=DAY_SECONDS,
                wall_clock=lambda: TODAY.timestamp() + hours * HOUR,
            ):
                if gone is not None:
                    assert await schedulers["chartmogul"].fetch_many([gone], UpstreamContext(5.0)) == [None]
                while await stored(database) != held(simulator):  # noqa: ASYNC110 - the store tells by being looked at
                    await asyncio.sleep(0.02)

        await follow()
        changed, gone, *_ = simulator.nexudus.records
        simulator.nexudus.update(changed, {"Name": "changed"})
        simulator.nexudus.delete(gone)
        simulator.nexudus.create({"Name": "new"})
        changed_too, gone_too, *_ = simulator.chartmogul.records
        simulator.chartmogul.update(changed_too, {"pipeline_stage": "changed"})
        simulator.chartmogul.delete(gone_too)
        simulator.chartmogul.create({})
        hours = 1
        await follow(gone_too)
