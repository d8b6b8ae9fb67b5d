"""Copies of what the repository holds, while something else may be compiled or installed in it."""

import shutil
from pathlib import Path

# What is compiled is copied too, for what stays the same need not be compiled again; but nothing that is being written.
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".env", "*_cache", ".hypothesis", "*.pyc.*", "node_modules")


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder of the repository, or all of it, to where nothing is yet."""
    shutil.copytree(source, target, ignore=NOT_COPIED)
