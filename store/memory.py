"""A folder for a store that lives as long as this process, in shared memory where there is enough of it.

SQLite's own databases in memory let nobody read while somebody writes; a file with a log beside it does. The file is
the process's own, and goes with its folder at the end; what a process that was killed has left, the next one removes.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from store.errors import StoreUnavailable

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what is made there has a name nobody can foresee

NEEDED_BYTES: Final = 512 * 2**20
"""What must be free in shared memory: the little that containers get unless they ask for more would fill up."""

PREFIX: Final = "opportunity-store-"


@contextmanager
def private_folder(places: list[Path] | None = None) -> Iterator[Path]:
    """Make a folder that its owner alone can enter, in the first of the places where that is possible.

    Raises StoreUnavailable where it is in none.
    """
    for place in places if places is not None else _places():
        with suppress(OSError):
            _remove_leftovers(place)
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
            break
    else:
        raise StoreUnavailable("there is no folder for a store in memory: neither shared memory nor a temporary one")
    lock = os.open(folder / "new", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "new").rename(folder / "lock")  # before this nobody takes the folder for a leftover
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def is_private(path: Path) -> bool:
    """Return whether a file is in such a folder, in shared memory."""
    folder = path.absolute().parent
    return folder.parent == SHARED_MEMORY and folder.name.startswith(PREFIX)


def _places() -> list[Path]:
    places = [SHARED_MEMORY]
    with suppress(OSError):  # where nothing at all can be written
        places.insert(0, Path(tempfile.gettempdir()))
    with suppress(OSError):
        free = os.statvfs(SHARED_MEMORY)
        if free.f_bavail * free.f_frsize >= NEEDED_BYTES:
            places.reverse()  # shared memory first
    return places


def _remove_leftovers(place: Path) -> None:
    # A lock goes with its process, however that ends.
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):  # of somebody else, or in use
            if folder.lstat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / "lock", os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
