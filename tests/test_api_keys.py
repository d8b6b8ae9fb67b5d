"""`web.auth.api_keys`: which keys are good, how a list of them is written, and the command that makes one."""

import runpy
import sys
from hashlib import sha256

import pytest

from schema import access
from tests.credentials import SCOPES, line
from web.auth import api_keys
from web.auth.api_keys import ApiKeys, main, read_keys


def test_several_keys_are_good_at_once_each_with_its_scopes() -> None:
    keys = read_keys(line("old", "k1") + "\n\n" + line("new", "k2", " ".join(SCOPES)) + ";" + line("x", "k3"), SCOPES)
    assert keys.scopes("k1") == {"opportunities:read"}
    assert keys.scopes("k2") == set(SCOPES)
    assert keys.scopes("k3") == {"opportunities:read"}


@pytest.mark.parametrize("wrong", ["", "k", "k11", "K1", "k1 ", sha256(b"k1").hexdigest(), "\udcff", "é"])
def test_other_keys_are_not_good(wrong: str) -> None:
    assert read_keys(line("a", "k1"), SCOPES).scopes(wrong) is None
    assert ApiKeys([]).scopes(wrong) is None


@pytest.mark.parametrize(
    "text",
    [
        "only-a-name",
        f"name {'0' * 64}",
        f"name {'0' * 63} opportunities:read",
        f"name {'A' * 64} opportunities:read",
        line("a", "k1", "everything:read"),
        line("a", "k1") + "\n" + line("a", "k2"),
        line("a", "k1") + "\n" + line("b", "k1"),
    ],
)
def test_a_malformed_list_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="key") as refusal:
        read_keys(text, SCOPES)
    assert sha256(b"k1").hexdigest() not in str(refusal.value)


def test_every_hash_is_compared_and_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(api_keys, "compare_digest", lambda a, b: compared.append(a) or a == b)
    assert read_keys("\n".join(line(f"n{n}", f"k{n}") for n in range(5)), SCOPES).scopes("k0")
    assert len(compared) == 5


def test_the_command_makes_a_key_that_the_setting_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reports", *SCOPES], SCOPES) == 0
    lines = capsys.readouterr().out.splitlines()
    assert read_keys(lines[-1], SCOPES).scopes(lines[1].strip()) == set(SCOPES)
    assert main(["reports"], SCOPES) == 0
    assert capsys.readouterr().out.endswith(" opportunities:read\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "NAME"),
        (["reports", "everything:read"], "no such scope; the scopes are opportunities:read and contacts:read"),
        (["reports", "opportunities:read", "contact:read"], "no such scope; the scopes are"),
        (["two words"], "a name has no spaces"),
        (["one;two"], "a name has no spaces"),
        ([""], "a name has no spaces"),
        (["--scope", "x"], "NAME"),
    ],
)
def test_the_command_refuses_what_the_setting_would(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments, SCOPES)
    shown = capsys.readouterr()
    assert (ended.value.code, shown.out) == (2, "")
    assert told in shown.err
    assert "usage: python -m web.auth.api_keys" in shown.err


def test_the_command_helps(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As it is run from a shell, so that it shows the scopes of the server itself."""
    monkeypatch.setattr(sys, "argv", ["api_keys.py", "--help"])
    monkeypatch.delitem(sys.modules, "web.auth.api_keys")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("web.auth.api_keys", run_name="__main__")
    shown = capsys.readouterr()
    assert (ended.value.code, shown.err) == (0, "")
    for text in (
        "usage: python -m web.auth.api_keys",
        "examples:",
        "NAME",
        "SCOPE",
        *access.SCOPES,
        "docs/security.md",
    ):
        assert text in shown.out
