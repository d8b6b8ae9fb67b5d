"""Has libraries import no more than a server makes use of: 2 MB less in each process.

`docs/decisions/087-lean-libraries.md` has what else was tried.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Final

LAZY: Final = frozenset({"attr.validators", "dateutil.tz", "html", "logging.config"})
"""What libraries import, and nothing here makes use of: loaded when something does."""


def load_lean() -> None:
    """Load libraries in this way from now on; to be called before they are imported."""
    # Pure Python in place of C++, whose library takes a megabyte: aiohttp has it for its tracing, which is not in use.
    os.environ.setdefault("FROZENLIST_NO_EXTENSIONS", "1")
    sys.meta_path.insert(0, _LazyFinder())


class _LazyFinder:
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in LAZY else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec
