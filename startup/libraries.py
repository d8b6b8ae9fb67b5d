"""Has libraries import no more than a server makes use of: 2 MB less in each process.

`docs/decisions/087-lean-libraries.md` has what else was tried.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from threading import RLock
from types import ModuleType
from typing import Any, Final

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
            spec.loader = _LazyLoader(spec.loader)
        return spec


class _LazyLoader(LazyLoader):
    """Has other threads wait while one loads: with Python 3.11.7's own class they find an empty module."""

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = module.__loader__ = self.loader  # type: ignore[attr-defined,union-attr]
        module.__dict__["__lock__"] = RLock()
        module.__class__ = _LazyModule


class _LazyModule(ModuleType):
    def __getattribute__(self, name: str) -> Any:
        held = object.__getattribute__(self, "__dict__")
        lock = held.get("__lock__")
        if lock is not None:  # else another thread has loaded it just now
            with lock:
                if "__lock__" in held and "__is_loading__" not in held:  # itself it may ask while it is being loaded
                    held["__is_loading__"] = True
                    try:
                        held["__spec__"].loader.exec_module(self)
                    finally:
                        del held["__is_loading__"]
                    object.__setattr__(self, "__class__", ModuleType)
                    del held["__lock__"]
        return object.__getattribute__(self, name)
