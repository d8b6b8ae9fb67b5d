"""PostgreSQL, by psycopg: `store.postgresql`."""

import pytest
from sqlalchemy import Connection, func, make_url, select, text

from store.database import StoreUnavailable, open_database
from store.deals import count_alive, upsert
from store.postgresql import make_engine
from store.queries import Query
from store.tables import DEALS
from store.text import fold
from tests import postgres, stores


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
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await database.read(lambda it: it.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")))
        assert await database.read(lambda connection: count_alive(connection, "nexudus")) == 0


async def test_a_statement_that_takes_too_long_is_broken_off(url: str) -> None:
    def slow(connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = 10"))
        connection.execute(text("SELECT pg_sleep(20)"))

    async with open_database(url, threads=1) as database:
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            await database.read(slow)


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


async def test_a_name_that_is_longer_than_an_index_takes_is_stored(url: str) -> None:
    name = "".join(chr(0x4E00 + n) for n in range(5_000))
    async with open_database(url) as database:
        columns = {"name": name, "name_folded": fold(name)}
        assert await database.write(lambda connection: upsert(connection, [stores.deal(**columns)])) == 1
