"""`startup.checks`: what is tried before the server starts, and how its problems are told."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from configuration import AllSettings
from resolvers.settings import BadSettings
from startup.checks import check_store, print_problems
from tests import postgres, stores


def settings(store: Path) -> AllSettings:
    return AllSettings({"CHARTMOGUL_API_KEY": "key", "STORE_URL": str(store)})


def test_a_store_is_made_when_the_server_starts_and_left_alone_when_it_is_only_looked_at(tmp_path: Path) -> None:
    store = tmp_path / "deals.db"
    check_store(settings(store), opens=False)
    assert not store.exists()
    check_store(settings(store))
    assert store.exists()


@pytest.mark.parametrize("opens", [False, True])
def test_a_file_that_is_no_store_is_one_line_and_stays_as_it_is(tmp_path: Path, opens: bool) -> None:
    store = tmp_path / "deals.db"
    store.write_text("not a database, " * 100)
    with pytest.raises(BadSettings) as refused:
        check_store(settings(store), opens=opens)
    (problem,) = refused.value.problems
    assert problem.startswith("STORE_URL: ")
    assert store.read_text().startswith("not a database")


def shared_settings(url: str) -> AllSettings:
    return AllSettings({"CHARTMOGUL_API_KEY": "key", "STORE_URL": url})


@pytest.mark.parametrize("opens", [False, True])
def test_a_database_that_is_not_there_yet_ends_the_process_so_that_it_is_started_again(opens: bool) -> None:
    """A machine may start the server before its database; a supervisor starts nothing again that ends with status 2."""
    with pytest.raises(BadSettings) as away:
        check_store(shared_settings("postgresql+psycopg://nobody@127.0.0.1:1/deals"), opens=opens)
    assert away.value.problems == ("STORE_URL: PostgreSQL at 127.0.0.1:1 cannot be reached",)
    assert away.value.exit_status == 3


@pytest.mark.programs
@pytest.mark.parametrize("opens", [False, True])
@pytest.mark.parametrize("change", [{"username": "nobody"}, {"database": "missing"}])
def test_a_database_that_refuses_what_is_set_does_not(change: dict[str, str], opens: bool) -> None:
    postgres.server()
    url = make_url(stores.url_of("postgresql")).set(**change)
    with pytest.raises(BadSettings) as refused:
        check_store(shared_settings(url.render_as_string(hide_password=False)), opens=opens)
    assert refused.value.exit_status == 2


def test_problems_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_problems(BadSettings(["PORT: must be a number", "HOST: is empty"]))
    assert capsys.readouterr() == ("", "PORT: must be a number\nHOST: is empty\n")
