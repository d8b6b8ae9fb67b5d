"""A store's file is for one process: a second would ask the sources, too, with the whole of their rations."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store import sqlite
from store.errors import StoreUnavailable


@contextmanager
def sole_use(path: Path) -> Iterator[None]:
    """Be the process that the store in a file is for, until the block ends or the process does, however it ends.

    Raises StoreUnavailable, at once, where another one is, and as `store.sqlite.inspect` does. Whoever does not ask for
    this goes on reading and writing: a backup, a look at the settings.
    """
    sqlite.inspect(path)
    # A file of its own, beside the one that is meant whatever leads there: it stays when that is replaced, and SQLite
    # would lose its own locks of a file with the first descriptor that somebody else closes.
    lock = sqlite.beside(path, "-lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"{lock} cannot be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreUnavailable(
                f"another process serves from {path}: end that one first, or use PostgreSQL, which is for several"
            ) from None
        except OSError as error:
            raise StoreUnavailable(f"{lock} cannot be locked: {error.strerror}") from None
        yield
    finally:
        os.close(descriptor)
