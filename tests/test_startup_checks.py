"""`startup.checks`: what is tried before the server starts, and how its problems are told."""

from pathlib import Path

import pytest

from configuration import AllSettings
from resolvers.settings import BadSettings
from startup.checks import check_store, print_problems


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


def test_problems_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_problems(BadSettings(["PORT: must be a number", "HOST: is empty"]))
    assert capsys.readouterr() == ("", "PORT: must be a number\nHOST: is empty\n")
