"""How a store of an earlier version becomes one of today's: `store.migrations`.

`store.migrations.upgrade` decides, alembic runs `store.migrations.env` and the steps in `store.migrations.versions`;
`store.migrations.versions.version_1` is the first, `store.migrations.versions.version_2` what processes share,
`store.migrations.versions.version_3` wider indexes, `store.migrations.versions.version_4` plain letters in searches,
`store.migrations.versions.version_5` what takes less room, `store.migrations.versions.version_6` shorter ids,
`store.migrations.versions.version_7` stages, `store.migrations.versions.version_8` an index for lists by customers'
addresses, `store.migrations.versions.version_9` another order of sums, `store.migrations.versions.version_10` the
log of changes, `store.migrations.versions.version_11` numbers for what deals have in common,
`store.migrations.versions.version_12` narrower rows and indexes, `store.migrations.versions.version_13` the index of
sums with deals that are gone apart from others, `store.migrations.versions.version_14` indexes of searches and custom
attributes that have all that totals read, `store.migrations.versions.version_15` by what columns were made.
"""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    Select,
    Table,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError

from store import sqlite
from store.customers import find_customers
from store.database import StoreUnavailable, open_database
from store.deal_ids import deal_id
from store.deals import upsert
from store.migrations import upgrade as upgrading
from store.migrations.upgrade import VERSION, VERSION_TABLE, UnknownSchemaError, migrate, upgrade
from store.sequence import CURRENT, advance
from store.shared_tables import FETCHED
from store.sweeps import state
from store.tables import CUSTOMER_NAMES, DEAL_ATTRIBUTES, DEAL_GROUPS, DEALS, METADATA, NAMED, NAMES, NUMBERED, SWEPT
from store.text import searchable
from tests import postgres
from tests.deal_rows import deal
from tests.stores import deal as stored_deal
from tests.stores import deals_as_written

VERSIONS = Path(upgrading.__file__).parent / "versions"


@pytest.fixture
def empty(store_kind: str, tmp_path: Path) -> Iterator[Engine]:
    """A database without tables."""
    if store_kind == "postgresql":
        engine = create_engine(postgres.server().create())
    else:
        sqlite.protect(tmp_path / "deals.db")
        engine = sqlite.make_engine(tmp_path / "deals.db", 2)
    yield engine
    engine.dispose()


def described(connection: Connection) -> dict[str, set[Any]]:
    """Return all that the database knows of its tables, in no order."""
    if connection.dialect.name == "sqlite":
        tables = inspect(connection).get_table_names()
        queries = {f"{name} {what}": f"PRAGMA {what}({name})" for name in tables for what in SQLITE}
        queries["indexes"] = "SELECT name, sql FROM sqlite_master WHERE type = 'index'"
    else:
        queries = POSTGRESQL
    found = {name: {tuple(row) for row in connection.execute(text(query))} for name, query in queries.items()}
    # A column's number, which is no part of what it means.
    return {name: {row[1:] if name.endswith("table_xinfo") else row for row in rows} for name, rows in found.items()}


SQLITE = ("table_xinfo", "foreign_key_list")
POSTGRESQL = {
    "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name, is_identity"
    " FROM information_schema.columns WHERE table_schema = current_schema()",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = current_schema()::regnamespace",
    "sequences": "SELECT sequencename, data_type::text FROM pg_sequences WHERE schemaname = current_schema()",
}


def test_all_steps_lead_to_todays_tables(empty: Engine) -> None:
    """What fails here is a change of `store/tables.py` without its step in `store/migrations/versions`."""
    with empty.connect() as connection:
        with connection.begin() as transaction:
            METADATA.create_all(connection)
            VERSION_TABLE.create(connection)
            expected = described(connection)
            transaction.rollback()
        with connection.begin():
            migrate(connection)
            migrated = described(connection)
            version = connection.scalar(text("SELECT version_num FROM store_version"))
    # Alembic gives the key of its own table a name.
    theirs = {("store_version", f"store_version_{end}", "PRIMARY KEY (version_num)") for end in ("pkc", "pkey")}
    for found in (expected, migrated):
        found["constraints"] = found.get("constraints", set()) - theirs
        found["indexes"] = {row for row in found["indexes"] if "store_version" not in row[0]}
    assert migrated == expected
    assert version == str(VERSION)


def test_the_last_step_is_todays_version() -> None:
    numbers = sorted(int(file.stem.removeprefix("version_")) for file in VERSIONS.glob("version_*.py"))
    assert numbers == list(range(1, VERSION + 1))


def test_an_empty_database_gets_todays_tables_and_keeps_them(empty: Engine) -> None:
    for _ in range(2):
        with empty.begin() as connection:
            upgrade(connection)
    with empty.begin() as connection:
        assert set(inspect(connection).get_table_names()) == {*METADATA.tables, "store_version"}


def with_version(empty: Engine, version: str) -> None:
    with empty.begin() as connection:
        VERSION_TABLE.create(connection)
        connection.execute(insert(VERSION_TABLE).values(version_num=version))


@pytest.mark.parametrize("version", [str(VERSION + 1), "9999"])
def test_a_store_of_a_later_version_is_refused(empty: Engine, version: str) -> None:
    with_version(empty, version)
    with empty.begin() as connection, pytest.raises(UnknownSchemaError, match=f"is of version {version}, and this"):
        upgrade(connection)


def test_a_store_of_an_earlier_version_is_migrated_and_the_log_says_so(
    empty: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="opportunity_graph.store")
    with_version(empty, str(VERSION))
    monkeypatch.setattr(upgrading, "VERSION", VERSION + 1)
    migrated: list[Connection] = []
    monkeypatch.setattr(upgrading, "migrate", migrated.append)
    with empty.begin() as connection:
        upgrade(connection)
        assert migrated == [connection]
    began, ended = caplog.messages
    assert began == f"the store is brought from version {VERSION} to {VERSION + 1}, which may take minutes"
    assert ended.startswith(f"the store is of version {VERSION + 1}, after ")


def old_deal(number: int | str, **values: Any) -> dict[str, Any]:
    """Return the row of a deal as versions up to 5 had it."""
    row = {**deal(0), "id": f"nexudus:{number}", "source_id": str(number), **values}
    return {name: value for name, value in row.items() if name != "attributes"}


NUMBERS = ("group_id", "customer_names_id", *NUMBERED.values())  # which later steps give


def put_rows(connection: Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into a table that is none of today's."""
    found = Table(table, MetaData(), autoload_with=connection)
    for row in rows:
        connection.execute(insert(found).values({name: value for name, value in row.items() if name in found.c}))


def test_step_4_makes_what_is_stored_the_same_as_what_is_searched_for_now(empty: Engine) -> None:
    with empty.begin() as connection:
        migrate(connection, "3")
        written = {1: ("łodz travel", "soren ørsted"), 2: ("media", None)}
        for number, (public, personal) in written.items():
            put_rows(connection, "deals", [old_deal(number, search_public=public, search_personal=personal)])
        upgrade(connection)
        columns = DEALS.c.search_public, DEALS.c.search_personal
        found = [tuple(row) for row in connection.execute(select(*columns).order_by(DEALS.c.id))]
        assert found == [(searchable("Łódź Travel"), searchable("Søren Ørsted")), ("media", None)]


def test_step_6_keeps_each_deal_with_what_belongs_to_it_under_its_new_id(empty: Engine) -> None:
    """The sequence, tombstones and customers too; of a sweep under way nothing."""
    uuid = "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc"
    deals = [
        old_deal(1427000501, sequence=7, name="Ada's", value=2**62, misses=1, search_public="a"),
        old_deal(9, deleted_at=5, evidence="audit", sequence=3),
        old_deal(9, id="nexudus@eu:9", account="eu", body=b"\0\xff{}", hash=b"h"),
        old_deal(uuid, id=f"chartmogul:{uuid}", source="chartmogul"),
        old_deal("T-1", id="toy:T-1", source="toy", value_is_inexact=1),
    ]
    attributes = [
        {"deal_id": f"chartmogul:{uuid}", "key": "plan", "text": "Öl", "text_folded": "öl"},
        {"deal_id": f"chartmogul:{uuid}", "key": "seats", "number": 3_000_000},
        {"deal_id": "nexudus:9", "key": "is_new", "boolean": 1},
    ]
    customer = {"source": "chartmogul", "account": "", "source_id": "cus_1", "name": "Ada", "read_at": 4}
    sweep = {"source": "nexudus", "account": "", "sweep": 5, "sweep_position": "|2", "sweep_rows": 3, "drift": -1}
    with empty.begin() as connection:
        migrate(connection, "5")
        put_rows(connection, "deals", [{**one, "deleted_by": one["evidence"]} for one in deals])
        put_rows(connection, "deal_attributes", attributes)
        put_rows(connection, "customers", [customer])
        put_rows(connection, "sequence", [{"one": 1, "value": 7}])
        put_rows(connection, "sync_state", [sweep])
        put_rows(connection, "swept", [{"source": "nexudus", "account": "", "source_id": "9"}])
        put_rows(connection, "fetched", [{"id": "nexudus:9", "fetched_at": 4}])
        upgrade(connection)
    with empty.begin() as connection:
        new = {one["id"]: deal_id(one["source"], one["account"], one["source_id"]) for one in deals}
        expected = {new[one["id"]]: {**one, "id": new[one["id"]]} for one in deals}
        found_deals = [dict(row) for row in connection.execute(deals_as_written()).mappings()]
        assert {row["id"]: {**row, **dict.fromkeys(NUMBERS)} for row in found_deals} == expected
        found = [dict(row) for row in connection.execute(select(DEAL_ATTRIBUTES)).mappings()]
        of_nothing = dict.fromkeys(DEAL_ATTRIBUTES.c.keys())
        assert sorted(found, key=repr) == sorted(
            [{**of_nothing, **one, "deal_id": new[one["deal_id"]]} for one in attributes], key=repr
        )
        assert find_customers(connection, "chartmogul", "", ["cus_1"])["cus_1"].name == "Ada"
        assert connection.scalar(CURRENT.statement) == 7
        known = state(connection)["nexudus", ""]
        assert (known.sweep, known.sweep_position, known.sweep_rows, known.drift) == (None, None, 0, -1)
        assert not connection.scalars(select(SWEPT.c.deal_id)).all() + connection.scalars(select(FETCHED.c.id)).all()
        upsert(connection, [stored_deal(9, read_at=9, body=b"new")])
        assert advance(connection) == 8
        connection.execute(DEALS.delete().where(DEALS.c.id == new["nexudus:9"]))
        assert len(connection.execute(select(DEAL_ATTRIBUTES)).all()) == 2


def test_a_step_that_fails_leaves_the_store_as_it_was(empty: Engine) -> None:
    with empty.connect() as connection:
        connection.begin()
        migrate(connection)
        connection.rollback()
    with empty.begin() as connection:
        assert inspect(connection).get_table_names() == []


@pytest.mark.parametrize("version", ["", "ae1027a6acf"])
def test_migrations_of_something_else_are_refused(empty: Engine, version: str) -> None:
    with_version(empty, version)
    with empty.begin() as connection, pytest.raises(UnknownSchemaError, match="holds tables of something else"):
        upgrade(connection)


def test_tables_of_ours_without_a_version_are_refused(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE customers (name TEXT)"))
    with empty.begin() as connection, pytest.raises(UnknownSchemaError, match="holds tables of something else"):
        upgrade(connection)


@pytest.mark.programs
def test_other_tables_may_stand_beside_ours_on_a_server() -> None:
    engine = create_engine(postgres.server().create())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE invoices (name TEXT)"))
        upgrade(connection)
    engine.dispose()


@pytest.mark.programs
async def test_replicas_that_start_at_once_make_the_tables_once() -> None:
    url = postgres.server().create()

    async def start() -> int:
        async with open_database(url, threads=1) as database:
            return database.sequence

    assert await asyncio.gather(*(start() for _ in range(3))) == [0, 0, 0]


async def test_a_later_version_is_one_clear_line(tmp_path: Path) -> None:
    path = str(tmp_path / "deals.db")
    async with open_database(path) as database:
        await database.write(lambda connection: connection.execute(VERSION_TABLE.update().values(version_num="99")))
    with pytest.raises(
        StoreUnavailable, match=rf"deals.db is of version 99, and this program knows those up to {VERSION}$"
    ):
        async with open_database(path):
            pass


def test_step_11_numbers_what_deals_have_in_common_as_who_writes_them_does(empty: Engine) -> None:
    sales = {
        "pipeline_name": "Sales",
        "pipeline_folded": "sales",
        "customer_name": "Ada",
        "customer_name_folded": "ada",
    }
    with empty.begin() as connection:
        migrate(connection, "10")
        for number, values in enumerate([sales, sales, {"win_likelihood": 5}, {"deleted_at": 5}]):
            put_rows(connection, "deals", [deal(number, **values)])
        upgrade(connection)
    with empty.begin() as connection:
        upsert(connection, [stored_deal(9, **sales), stored_deal(8, win_likelihood=5)])
        found = {row.source_id: (row.group_id, row.customer_names_id) for row in connection.execute(select(DEALS))}
        assert found["0"] == found["1"] == found["9"]
        assert found["2"] == found["8"]
        assert len({group for group, _ in found.values()}) == connection.scalar(count(DEAL_GROUPS)) == 3
        assert len({names for _, names in found.values()}) == connection.scalar(count(CUSTOMER_NAMES)) == 2


def test_step_12_keeps_names_in_groups_and_numbers_them_as_who_writes_deals_does(empty: Engine) -> None:
    sales = {
        "pipeline_name": "Sales",
        "pipeline_folded": "sales",
        "stage_name": "Lead",
        "owner_name": "Sales",
        "owner_folded": "sales",
    }
    with empty.begin() as connection:
        migrate(connection, "10")
        for number, values in enumerate([sales, {"pipeline_folded": "", "owner_folded": "ö"}, {}]):
            put_rows(connection, "deals", [deal(number, **values)])
        migrate(connection, "11")
        upgrade(connection)
    with empty.begin() as connection:
        upsert(connection, [stored_deal(9, **sales)])
        found = {row.source_id: row for row in connection.execute(deals_as_written())}
        assert {name: getattr(found["0"], name) for name in sales} == sales
        names = dict(map(tuple, connection.execute(select(NAMES.c.id, NAMES.c.key))))
        numbered = {id_: (names.get(row.pipeline_number), names.get(row.owner_number)) for id_, row in found.items()}
        assert numbered == {"0": ("sales", "sales"), "9": ("sales", "sales"), "1": ("", "ö"), "2": (None, None)}
        assert found["9"].group_id == found["0"].group_id
        assert len(names) == 3


@pytest.mark.parametrize("is_stored", [True, False])
def test_who_writes_deals_as_before_step_12_is_refused_and_may_read(empty: Engine, *, is_stored: bool) -> None:
    with empty.begin() as connection:
        migrate(connection, "11")
        before = Table("deals", MetaData(), autoload_with=connection)
        row = {one.name: deal(1).get(one.name) for one in before.c}
        put_rows(connection, "deals", [row] if is_stored else [])
        upgrade(connection)
    written = before.update().values(row) if is_stored else before.insert().values(row)
    with empty.begin() as connection, pytest.raises(DBAPIError, match="|".join(NAMED)):
        connection.execute(written)
    with empty.begin() as connection:
        read = select(*(column for column in before.c if column.name not in NAMED))
        assert len(connection.execute(read).all()) == is_stored


@pytest.mark.parametrize("is_stored", [True, False])
def test_who_writes_deals_as_before_step_11_is_refused_and_may_read(empty: Engine, *, is_stored: bool) -> None:
    row = deal(1)
    with empty.begin() as connection:
        migrate(connection, "10")
        before = Table("deals", MetaData(), autoload_with=connection)
        row = {one.name: row.get(one.name) for one in before.c}
        put_rows(connection, "deals", [row] if is_stored else [])
        upgrade(connection)
    written = before.update().values(row) if is_stored else before.insert().values(row)
    gone = before.update().values(deleted_at=5, deleted_by="audit")
    for statement in (written, gone):
        with empty.begin() as connection, pytest.raises(DBAPIError, match="deleted_by"):
            connection.execute(statement)
    with empty.begin() as connection:
        read = select(*(column for column in before.c if column.name not in ("deleted_by", *NAMED)))
        assert len(connection.execute(read).all()) == is_stored


def count(table: Table) -> Select[Any]:
    return select(func.count()).select_from(table)
