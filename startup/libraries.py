"""Loads libraries without what no server reads or runs of them: a twelfth of its memory.

Docstrings are most of it (`docs/decisions/087-lean-libraries.md`). `python -OO` leaves out assertions as well.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import LazyLoader
from opcode import hasconst, opmap
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

OURS: Final = Path(__file__).parent.parent

NOTHING: Final = " "
"""In place of a docstring: `email` takes its own apart while it is loaded, and SQLAlchemy asserts that there is one."""

OPTIMIZED: Final = 0x1
"""Of the code of a function, not of a module or a class (`inspect.CO_OPTIMIZED`)."""

HAS_DOCSTRING: Final = 0x4000000 if sys.version_info >= (3, 14) else 0x0
"""Of a function whose first constant is a docstring. Before Python 3.14 that constant is a docstring or None."""

LAZY: Final = frozenset({"attr.validators", "dateutil.tz", "html", "logging.config"})
"""What other libraries import, and nothing here makes use of: loaded when something does."""

LOAD_CONST, STORE_NAME = opmap["LOAD_CONST"], opmap["STORE_NAME"]


def load_lean() -> None:
    """Load libraries in this way from now on; modules of ours keep what they have."""
    # Pure Python in place of C++, whose library takes a megabyte: aiohttp has it for its tracing, which is not in use.
    os.environ.setdefault("FROZENLIST_NO_EXTENSIONS", "1")
    sys.meta_path.insert(0, _Finder(frozenset(name.partition(".")[0] for name in os.listdir(OURS))))


class _Finder:
    def __init__(self, ours: frozenset[str]) -> None:
        self._ours = ours

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in self._ours:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            loader = _Loader(spec.loader.name, spec.loader.path)
            spec.loader = LazyLoader(loader) if name in LAZY else loader
        return spec


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType | None:
        code = super().get_code(fullname)
        return None if code is None else without_docstrings(code)


def without_docstrings(code: CodeType) -> CodeType:
    """Return the code without docstrings, its own and those of the functions and classes in it."""
    known = code.co_consts
    constants = [without_docstrings(value) if type(value) is CodeType else value for value in known]
    at = _docstring(code)
    if at is not None:
        constants[at] = NOTHING
    elif all(one is other for one, other in zip(constants, known, strict=True)):
        return code
    return code.replace(co_consts=tuple(constants))


def _docstring(code: CodeType) -> int | None:
    """Return which of a code's constants is its docstring, if one is that nothing else makes use of."""
    at = uses = 0
    if code.co_flags & OPTIMIZED:
        if code.co_flags & HAS_DOCSTRING != HAS_DOCSTRING or code.co_name[0] == "<":  # an expression has none
            return None
    else:
        if "__doc__" not in code.co_names[:255]:
            return None
        stored = code.co_code.find(bytes((STORE_NAME, code.co_names.index("__doc__"))))
        if stored < 1 or code.co_code[stored - 2] != LOAD_CONST:
            return None
        at, uses = code.co_code[stored - 1], 1
    # `co_code` is made when it is asked for, and stays as long as the code.
    if not code.co_consts or type(code.co_consts[at]) is not str:
        return None
    return at if sum(code.co_code.count(bytes((load, at))) for load in hasconst) == uses else None
