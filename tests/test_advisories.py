"""Versions with known holes cannot be installed: the lower bounds are above them."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
TABLE = re.findall(r"^\| `([\w-]+)` \| ([\d.]+) \| .*CVE", PAGE, re.MULTILINE)


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


@pytest.mark.parametrize(("package", "repaired"), TABLE)
def test_the_lower_bound_and_the_pin_are_past_the_advisories(package: str, repaired: str) -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    bounds = [found[1] for text in dependencies if (found := re.fullmatch(rf"{package}(?:\[\w+\])?>=([\d.]+).*", text))]
    pins = re.findall(rf"^{package}==([\d.]+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert len(bounds) == len(pins) == 1
    assert _version(bounds[0]) >= _version(repaired)
    assert _version(pins[0]) >= _version(bounds[0])


def test_the_table_is_read() -> None:
    assert {package for package, _ in TABLE} == {
        "strawberry-graphql",
        "graphql-core",
        "starlette",
        "aiohttp",
        "PyJWT",
        "orjson",
    }


@pytest.mark.parametrize(("package", "repaired"), TABLE)
def test_at_least_is_the_newest_of_the_repairs(package: str, repaired: str) -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{package}` |"))
    named = [_version(text) for text in re.findall(r"\(([\d.]+)\)", line)]
    assert max(named, default=_version(repaired)) == _version(repaired)
