"""A small disk that a test may fill: a file system in memory, mounted for as long as the test runs."""

import os
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


@contextmanager
def disk(*, megabytes: int) -> Iterator[Disk]:
    """Mount one; skip the test, with the reason, where that is not allowed."""
    with tempfile.TemporaryDirectory(prefix="disk-", dir="/tmp") as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no mount here")
        if done.returncode:
            pytest.skip(f"nothing may be mounted here: {done.stderr.strip() or os.strerror(done.returncode)}")
        try:
            yield Disk(Path(folder))
        finally:
            subprocess.run(["umount", folder], check=True, capture_output=True)  # noqa: S607 - as PATH has it
