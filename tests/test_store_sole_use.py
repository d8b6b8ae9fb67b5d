"""`store.sole_use`: a store's file is for one process."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.processes import ending_with_us
from store.database import StoreUnavailable, check_database
from store.sole_use import sole_use
from tests.processes import MINIMAL, ROOT

HOLDS = """
import sys, time
from pathlib import Path
from store.sole_use import sole_use
with sole_use(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


def test_a_second_use_is_refused_at_once_by_whatever_way_and_a_later_one_is_not(tmp_path: Path) -> None:
    path, link = tmp_path / "deals.db", tmp_path / "link.db"
    link.symlink_to(path)
    with sole_use(path):
        for way in (path, link):
            with (
                pytest.raises(StoreUnavailable, match=f"another process serves from {way}: end that one"),
                sole_use(way),
            ):
                pass
        with sole_use(tmp_path / "other.db"):
            pass
        assert check_database(str(path)) == "will be made"
    assert stat.S_IMODE((tmp_path / "deals.db-lock").stat().st_mode) == 0o600
    with sole_use(link):
        pass


def test_a_process_that_is_killed_leaves_the_store_to_the_next_one(tmp_path: Path) -> None:
    command = ending_with_us([sys.executable, "-c", HOLDS, str(tmp_path / "deals.db")])
    with subprocess.Popen(command, cwd=ROOT, env=MINIMAL, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreUnavailable), sole_use(tmp_path / "deals.db"):
            pass
        holder.kill()
    with sole_use(tmp_path / "deals.db"):
        pass


def test_what_fails_while_it_is_used_is_nothing_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), sole_use(tmp_path / "deals.db"):
        raise BlockingIOError


def test_a_folder_that_is_not_there_is_said_as_for_the_store(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreUnavailable, match=r"deals.db cannot be written: No such file or directory$"),
        sole_use(tmp_path / "missing" / "deals.db"),
    ):
        pass
