"""`startup.libraries`: libraries import no more than a server makes use of, and do what they did."""

import subprocess
import sys
from pathlib import Path

from startup.libraries import LAZY
from tests.processes import MINIMAL, ROOT


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


def test_the_program_loads_what_libraries_import_for_nothing_only_when_it_is_used(tmp_path: Path) -> None:
    program = (
        "import runpy, sys\n"
        "sys.argv = ['server.py', '--check-config']\n"
        "try:\n"
        f"    runpy.run_path({str(ROOT / 'server.py')!r}, run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print([name for name in {sorted(LAZY)} if type(sys.modules[name]).__name__ != '_LazyModule'])\n"
        "print('frozenlist._frozenlist' in sys.modules)"
    )
    assert run(program, tmp_path).splitlines()[-2:] == ["[]", "False"]


def test_what_is_loaded_late_is_all_there(tmp_path: Path) -> None:
    program = (
        "import importlib\n"
        "from startup.libraries import load_lean\n"
        "load_lean()\n"
        "import html, attr.validators, dateutil.tz, logging.config\n"
        "print(html.escape('<'), attr.validators.instance_of, dateutil.tz.UTC, logging.config.dictConfig)"
    )
    assert run(program, tmp_path).startswith("&lt; <function instance_of")


def test_a_thread_waits_for_what_another_one_is_loading(tmp_path: Path) -> None:
    program = (
        "import threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from startup.libraries import load_lean\n"
        "load_lean()\n"
        "import html\n"
        "barrier = threading.Barrier(16)\n"
        "def work(_):\n"
        "    barrier.wait()\n"
        "    return html.escape('<')\n"
        "with ThreadPoolExecutor(16) as pool:\n"
        "    print(set(pool.map(work, range(16))))"
    )
    assert run(program, tmp_path) == "{'&lt;'}\n"
