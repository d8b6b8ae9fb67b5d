"""A small disk that a test may fill: a file system in memory, mounted for as long as the test's process runs."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Disk:
    """Where it is mounted."""

    path: Path

    def fill(self) -> None:
        """Leave no room on it."""
        with self._filling.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def clear(self) -> None:
        """Give the room back."""
        self._filling.unlink()

    @property
    def _filling(self) -> Path:
        return self.path / "filling"


# A process of its own, which outlives one that is killed: it unmounts when the end of its input comes. Lazily, for what
# somebody still has open cannot be unmounted at once.
MOUNTED = """
mount -t tmpfs -o "size=$2m,mode=755" tmpfs "$1" 2>&1 || exit
echo mounted
read -r _
umount --lazy "$1"
rmdir "$1"
"""


@contextmanager
def disk(*, megabytes: int) -> Iterator[Disk]:
    """Mount one; skip the test, with the reason, where that is not allowed. It is gone with this process too."""
    folder = Path(tempfile.mkdtemp(prefix="disk-", dir="/tmp"))
    with subprocess.Popen(
        ["sh", "-c", MOUNTED, "sh", folder, str(megabytes)],  # noqa: S607 - as PATH has it
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is not for it
    ) as keeper:
        assert keeper.stdout is not None
        if (said := keeper.stdout.readline()) != "mounted\n":
            folder.rmdir()
            pytest.skip(f"nothing may be mounted here: {said.strip()}")
        yield Disk(folder)
