"""A folder for a store that lives as long as this process: `store.memory`."""

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from store.errors import StoreUnavailable
from store.memory import PREFIX, private_folder
from tests import processes
from tests.waiting import PATIENCE_SECONDS


def test_only_its_owner_may_enter_and_it_goes_with_its_end(tmp_path: Path) -> None:
    with private_folder([tmp_path]) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "deals.db").touch()
    assert list(tmp_path.iterdir()) == []


def test_the_next_place_is_taken_where_one_cannot_be_written(tmp_path: Path) -> None:
    with private_folder([tmp_path / "missing", tmp_path]) as folder:
        assert folder.parent == tmp_path


def test_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no folder for a store in memory"), private_folder([tmp_path / "no"]):
        pass


@pytest.mark.programs
def test_what_a_process_that_was_killed_has_left_is_removed_and_what_lives_is_not(tmp_path: Path) -> None:
    program = (
        "import pathlib, signal, sys, store.memory as m\n"
        "with m.private_folder([pathlib.Path(sys.argv[1])]) as f: print('made', f, flush=True); signal.pause()"
    )
    with processes.running([sys.executable, "-c", program, str(tmp_path)], processes.ROOT) as process:
        left = Path(process.read_until(r"made (.*)")[1])
        (left / "deals.db").write_text("a name")
        with private_folder([tmp_path]):
            assert (left / "deals.db").exists()
        process.popen.send_signal(signal.SIGKILL)
        process.popen.wait(PATIENCE_SECONDS)
    with private_folder([tmp_path]) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_folders_of_something_else_are_let_alone(tmp_path: Path) -> None:
    for name in (f"{PREFIX}without-lock", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "lock").touch()
    os.symlink(tmp_path / "other", tmp_path / f"{PREFIX}link")
    with private_folder([tmp_path]):
        pass
    assert sorted(one.name for one in tmp_path.iterdir()) == [f"{PREFIX}link", f"{PREFIX}without-lock", "other"]
    assert (tmp_path / "other" / "lock").exists()
