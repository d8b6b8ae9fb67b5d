"""PostgreSQL, by psycopg: `store.postgresql`."""

import re
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, func, inspect, make_url, select, text

from schema.deals.values import code
from store.database import StoreUnavailable, check_database, open_database
from store.deals import count_alive, upsert
from store.migrations.upgrade import VERSION, VERSION_TABLE
from store.postgresql import READ_ONLY_NOW, in_words, make_engine
from store.queries import Query
from store.tables import DEALS, METADATA
from store.text import fold
from tests import logged, postgres, stores


@pytest.fixture
def url() -> str:
    postgres.server()
    return stores.url_of("postgresql")


def with_option(url: str, option: str) -> str:
    parsed = make_url(url)
    return str(parsed.update_query_dict({"options": f"{parsed.query['options']} {option}"}))


async def test_a_server_that_was_away_is_used_again(url: str) -> None:
    async with open_database(url, threads=1) as database:
        await database.write(lambda connection: upsert(connection, [stores.deal()]))
        with postgres.server().away():
            for run in (database.read, database.write):
                with pytest.raises(StoreUnavailable, match=r"^PostgreSQL at the local socket cannot be reached$"):
                    await run(lambda connection: count_alive(connection, "nexudus"))
        for run in (database.read, database.write):
            assert await run(lambda connection: count_alive(connection, "nexudus")) == 1


async def test_who_asks_after_a_restart_notices_nothing(url: str) -> None:
    async with open_database(url, threads=1) as database:
        with postgres.server().away():
            pass
        for run in (database.read, database.write):
            assert await run(lambda connection: count_alive(connection, "nexudus")) == 0


async def test_a_query_after_a_restart_notices_nothing(url: str) -> None:
    counted = Query(select(func.count()).select_from(DEALS))
    async with open_database(url, threads=1) as database:
        assert await database.fetch(counted, {}) == [(0,)]
        with postgres.server().away(), pytest.raises(StoreUnavailable, match="cannot be reached"):
            await database.fetch(counted, {})
        for _ in range(2):
            assert await database.fetch(counted, {}) == [(0,)]


async def test_a_connection_that_breaks_in_the_middle_is_one_clear_line(url: str) -> None:
    async with open_database(url, threads=1) as database:
        breaks = partial(Connection.execute, statement=text("SELECT pg_terminate_backend(pg_backend_pid())"))
        for work in (database.read(breaks), database.read(breaks, gives_way=True), database.write(breaks)):
            with pytest.raises(StoreUnavailable, match="cannot be reached"):
                await work
            assert await database.read(lambda connection: count_alive(connection, "nexudus")) == 0
            assert await database.read(lambda connection: "turns" not in connection.info)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_cannot_keep_every_text_is_refused_in_one_line(url: str, encoding: str) -> None:
    name = f"of_{encoding.lower()}"
    with psycopg.connect(postgres.server().conninfo, autocommit=True) as connection:
        options = f"ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        connection.execute(f"CREATE DATABASE {name} {options}")  # type: ignore[call-overload] # no literal
    other = make_url(url).set(database=name).difference_update_query(["options"]).render_as_string(hide_password=False)
    refusal = f"^the database has the encoding {encoding}: make one with ENCODING 'UTF8'$"
    with pytest.raises(StoreUnavailable, match=refusal):
        async with open_database(other, threads=1):
            pass
    with pytest.raises(StoreUnavailable, match=refusal):
        check_database(other)


async def test_a_statement_that_takes_too_long_is_broken_off(url: str) -> None:
    def slow(connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = 10"))
        connection.execute(text("SELECT pg_sleep(20)"))

    async with open_database(url, threads=1) as database:
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            await database.read(slow)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("25006", "takes no changes now: it is a standby, or set to read only"),
        ("53100", "has no room left on its disk"),
        ("53300", "has no connection left for this user"),
        ("57014", "did not answer in time"),
        ("57P01", "cannot be reached"),
        ("40001", "broke off a transaction: another has changed the same"),
        ("40P01", "broke off a transaction: it and another waited for each other"),
        ("55P03", "did not answer in time: others hold a lock"),
        ("XX001", "cannot be reached"),
    ],
)
async def test_what_ails_the_server_is_no_mistake_of_a_statement(url: str, state: str, reason: str) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'Ada Lovelace' USING ERRCODE = '{state}'; END $$"))

    async with open_database(url, threads=1) as database:
        with pytest.raises(StoreUnavailable) as caught:
            await database.write(fail)
        assert str(caught.value) == f"PostgreSQL at the local socket {reason}"
        assert await database.write(lambda connection: upsert(connection, [stores.deal()])) == 1


async def test_a_standby_is_read_and_written_when_it_is_promoted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="opportunity_graph.store")
    server = postgres.own_server("wal_level=replica", "hot_standby=on", "fsync=off")
    url, signal = server.create(), server.folder / "data" / "standby.signal"
    async with open_database(url, threads=1, poll_seconds=1e6) as database:
        with server.away():
            signal.touch()
        with pytest.raises(StoreUnavailable, match="takes no changes now"):
            check_database(url)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="takes no changes now"):
                await database.write(lambda connection: upsert(connection, [stores.deal()]))
            assert await database.read(lambda connection: count_alive(connection, "nexudus")) == 0
        with server.away():
            signal.unlink()
        assert await database.write(lambda connection: upsert(connection, [stores.deal()])) == 1
    server.close()
    assert logged.lines(caplog, "opportunity_graph.store") == [
        f"the store cannot be written: {in_words(make_url(url), READ_ONLY_NOW)}",
        "the store can be written again",
    ]


async def test_what_the_operator_sets_to_read_only_is_not_written(url: str) -> None:
    protected = with_option(url, "-c default_transaction_read_only=on")
    async with open_database(protected, threads=1, poll_seconds=1e6) as database:
        for _ in range(2):
            assert await database.read(lambda connection: count_alive(connection, "nexudus")) == 0
            with pytest.raises(StoreUnavailable, match="takes no changes now"):
                await database.write(lambda connection: upsert(connection, [stores.deal()]))


async def test_a_user_whose_connections_are_all_in_use_is_one_clear_line(url: str) -> None:
    with psycopg.connect(postgres.server().conninfo, autocommit=True) as admin:
        admin.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 0")
        try:
            with pytest.raises(StoreUnavailable, match="has no connection left for this user"):
                check_database(make_url(url).set(username="few").render_as_string())
        finally:
            admin.execute("DROP ROLE few")


async def test_tables_that_are_gone_are_made_anew_and_no_number_comes_again(url: str) -> None:
    async with open_database(url, threads=1, poll_seconds=1e6) as database:
        await database.write(lambda connection: upsert(connection, [stores.deal()]))
        known = database.sequence

        def drop(connection: Connection) -> None:
            for table in (*reversed(METADATA.sorted_tables), VERSION_TABLE):
                table.drop(connection)

        await database.write(drop)
        await database.poll()
        assert await database.read(lambda connection: count_alive(connection, "nexudus")) == 0
        assert database.sequence > known


def test_a_check_says_what_is_there_and_who_may_not_write_and_changes_nothing(url: str) -> None:
    assert re.fullmatch(rf"postgresql [\d.]+, tables of version {VERSION}", check_database(url))
    empty = postgres.server().create()
    assert check_database(empty).endswith("no tables yet, which will be made")
    engine = create_engine(empty)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    engine.dispose()
    with pytest.raises(StoreUnavailable, match="does not let this user write"):
        check_database(with_option(url, "-c role=pg_monitor -c search_path=public"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"host": "127.0.0.1", "port": 1, "query": {}}, "PostgreSQL at 127.0.0.1:1 cannot be reached"),
        ({"username": "nobody"}, "PostgreSQL at the local socket refuses the user or the password"),
        ({"database": "missing"}, "PostgreSQL at the local socket has no database of that name"),
    ],
)
async def test_a_server_that_cannot_be_used_is_one_clear_line_without_the_password(
    url: str, change: dict[str, object], reason: str
) -> None:
    wrong = make_url(url).set(password="SECRET").set(**change)
    with pytest.raises(StoreUnavailable) as caught:
        async with open_database(wrong.render_as_string(hide_password=False)):
            pass
    assert str(caught.value) == reason


async def test_new_connections_are_made_as_the_user_of_the_moment(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as admin:
        admin.execute(text("DROP ROLE IF EXISTS next_user"))
        admin.execute(text("CREATE ROLE next_user LOGIN PASSWORD 'next'"))
    engine.dispose()
    current = [url]
    async with open_database(url, threads=1, poll_seconds=1_000, current_url=lambda: current[0]) as database:
        before = await database.read(lambda it: it.scalar(text("SELECT current_user")))
        current[0] = make_url(url).set(username="next_user", password="next").render_as_string(hide_password=False)
        with suppress(StoreUnavailable):  # what is open goes on; this one is closed, and the next one is made anew
            await database.read(lambda it: it.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")))
        after = await database.read(lambda it: it.scalar(text("SELECT current_user")))
    assert before != after == "next_user"


async def test_a_user_who_may_not_write_is_one_clear_line(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="does not let this user write"):
        async with open_database(with_option(url, "-c role=pg_monitor -c search_path=public")):
            pass


async def test_sessions_have_limits_and_the_operators_own_win(url: str) -> None:
    engine = make_engine(with_option(url, "-c lock_timeout=77"), 1)
    with engine.connect() as connection:
        shown = [connection.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout")]
    engine.dispose()
    assert shown == ["30s", "77ms"]


async def test_readers_can_change_nothing(url: str) -> None:
    async with open_database(url, threads=1) as database:
        with pytest.raises(Exception, match="read-only transaction"):
            await database.read(lambda connection: upsert(connection, [stores.deal()]))


async def test_text_is_ordered_by_its_bytes_whatever_the_locale_of_the_server(url: str) -> None:
    async with open_database(url) as database:
        names = ["a", "B", "ä", "c", "-d"]
        await database.write(lambda it: upsert(it, [stores.deal(n, name=name) for n, name in enumerate(names)]))
        found = await database.read(lambda it: list(it.scalars(select(DEALS.c.name).order_by(DEALS.c.name))))
        assert found == ["-d", "B", "a", "c", "ä"]
        by_locale = await database.read(lambda it: it.scalar(text("SELECT 'a' < 'B' COLLATE \"default\"")))
        assert by_locale  # else this server would prove nothing


async def test_names_that_are_longer_than_an_index_takes_are_stored(url: str) -> None:
    names = ["".join(chr(0x20000 + 7 * n + 5_000 * at) for n in range(5_000)) for at in range(3)]
    async with open_database(url) as database:
        columns: dict[str, Any] = {"name": names[0], "name_folded": fold(names[0]), "value": 2**62}
        columns |= {"pipeline_folded": fold(names[1]), "owner_folded": fold(names[2]), "currency": code(names[0])}
        assert await database.write(lambda connection: upsert(connection, [stores.deal(**columns)])) == 1
