"""Files of secrets: which of them are others than they were.

By their identity: a file that was written, replaced, or that is behind another symbolic link, as in Kubernetes, where a
link called `..data` is exchanged. Whoever writes a file may not be done when it is seen first, so a change counts once
a file has stayed the same from one check to the next.
"""

import os
from collections.abc import Iterable

Identity = tuple[int, ...] | None
"""What differs between a file and another in its place, or after it was written; None: there is none."""


class SecretFiles:
    """Files, as they were when they were last read. It takes a change for one read once `changed` has given it."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._read = self._seen = {path: _identity(path) for path in paths}

    def __len__(self) -> int:
        return len(self._read)

    def changed(self) -> set[str]:
        """Return the paths whose files have changed, and are written."""
        seen = {path: _identity(path) for path in self._read}
        changed = {path for path, found in seen.items() if found == self._seen[path] != self._read[path]}
        self._seen = seen
        self._read = self._read | {path: seen[path] for path in changed}
        return changed


def _identity(path: str) -> Identity:
    try:
        found = os.stat(path)  # of what links lead to
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
