"""`startup.libraries`: libraries are loaded without their docstrings, and do what they did."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from startup.libraries import LAZY, NOTHING, without_docstrings
from tests.processes import MINIMAL, ROOT

LIBRARY = """"of a module"
twice = "of a module, or not"
lambdas = [lambda: "first", *(("first", number) for number in range(2))]

def function(given="default"):
    "of a function"
    return given, "not of it"

async def generator():
    "of a generator"
    yield "not of it"

def says_its_own():
    "said"
    return "said"

class Class:
    "of a class"
    value = 1

    def method(self):
        "of a method"
        def inner():
            "of a function within"
            return "not of it"
        return inner

class Undocumented:
    value = "first"
"""

RARE = (
    *(
        "alembic.command",
        "sqlalchemy.orm",
        "sqlalchemy.dialects.postgresql.psycopg",
        "psycopg",
        "jwt",
        "cryptography.x509",
    ),
    *("prometheus_client", "opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter"),
)
"""What a server loads only where a setting asks for it."""


def loaded(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(without_docstrings(compile(source, "library", "exec")), names)  # noqa: S102
    return names


def run(program: str, where: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=where,
        env=MINIMAL | {"CHARTMOGUL_API_KEY": "key"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


def test_docstrings_are_left_out_at_every_depth() -> None:
    names = loaded(LIBRARY)
    made = [names["function"], names["generator"], names["Class"], names["Class"].method, names["Class"]().method()]
    assert [names["__doc__"], *(one.__doc__ for one in made)] == [NOTHING] * 6


def test_what_is_no_docstring_stays() -> None:
    names = loaded(LIBRARY)
    assert names["function"]() == ("default", "not of it")
    assert names["Class"]().method()() == "not of it"
    assert names["twice"] == "of a module, or not"
    assert (names["lambdas"][0](), names["lambdas"][1:]) == ("first", [("first", 0), ("first", 1)])
    assert (names["Class"].value, names["Undocumented"].value, names["Undocumented"].__doc__) == (1, "first", None)


def test_a_text_that_is_a_docstring_and_a_value_stays() -> None:
    assert loaded(LIBRARY)["says_its_own"]() == "said"
    assert loaded('"one"\nvalue = "one"')["value"] == "one"
    assert loaded('class One:\n    "one"\n    value = "one"')["One"].value == "one"


def test_code_without_docstrings_is_the_same_object() -> None:
    code = compile("def function():\n    return 1", "library", "exec")
    assert without_docstrings(code) is code


def test_the_program_loads_libraries_so_and_its_own_modules_as_they_are(tmp_path: Path) -> None:
    program = (
        "import runpy, sys\n"
        "sys.argv = ['server.py', '--check-config']\n"
        "try:\n"
        f"    runpy.run_path({str(ROOT / 'server.py')!r}, run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        "import sqlalchemy, services\n"
        "print([sqlalchemy.create_engine.__doc__], services.Services.__doc__[:5])\n"
        f"print([name for name in {sorted(LAZY)} if type(sys.modules[name]).__name__ != '_LazyModule'])\n"
        "print('frozenlist._frozenlist' in sys.modules)"
    )
    assert run(program, tmp_path).splitlines()[-3:] == [f"[{NOTHING!r}] Opens", "[]", "False"]


def test_what_few_servers_load_can_be_loaded_so(tmp_path: Path) -> None:
    program = (
        "import importlib, sys\n"
        "from startup.libraries import load_lean\n"
        "load_lean()\n"
        f"for name in {[*RARE, *sorted(LAZY)]}:\n"
        "    dir(importlib.import_module(name))\n"
        "import html, psycopg\n"
        "print(html.escape('<'), [psycopg.connect.__doc__])"
    )
    assert run(program, tmp_path) == f"&lt; [{NOTHING!r}]\n"


def test_clients_see_the_same_schema(tmp_path: Path) -> None:
    program = (
        "from startup.libraries import load_lean\n"
        "load_lean()\n"
        "from schema import export\n"
        "print(export.main(['--check']))"
    )
    assert run(program, tmp_path) == "0\n"
