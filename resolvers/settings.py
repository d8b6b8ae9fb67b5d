"""Settings: typed structs read from environment variables, with every problem reported at once.

A struct's field `attempt_timeout_seconds` is the variable `ATTEMPT_TIMEOUT_SECONDS`, with the struct's prefix before
it. A `Secret` may also come from a file named by `<VARIABLE>_FILE`. An empty variable counts as not set. Problems
name the variable and what it must be, never its value.
"""

import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(gt=0, le=3600)]
Count = Annotated[int, Meta(ge=1, le=100_000)]
Bytes = Annotated[int, Meta(ge=1_000, le=1_000_000_000)]


_MAX_FILE_BYTES = 1_000_000
_NAME = re.compile("[A-Z][A-Z_]+")


class Secret:
    """A credential that no repr, log line or traceback shows; `reveal()` gives the text.

    It may be replaced while the server runs (`rotation.py`), so whoever needs the text asks for it at each use.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself, for the one place that sends it to its own upstream."""
        return self._text

    def replace(self, text: str) -> None:
        """Hold another text from now on."""
        self._text = text

    def __repr__(self) -> str:
        return "Secret('***')"


class BadSettings(ValueError):
    """The environment does not make valid settings; `problems` has one line for each fault."""

    exit_status: ClassVar[int] = 2
    """What the process ends with: whoever starts it again would see the same."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all settings structs: `prefix` is put before each variable's name."""

    prefix: ClassVar[str] = ""

    def problems(self) -> Iterable[str]:
        """Yield what is wrong between fields, one line each."""
        return ()

    def change_problems(self, after: Self) -> Iterable[str]:
        """Yield why `after`, in which a secret differs, cannot take the place of these while the server runs."""
        return ()


SettingsT = TypeVar("SettingsT", bound=Settings)


@cache
def variables(struct: type[Settings]) -> dict[str, msgspec.structs.FieldInfo]:
    """Return the struct's fields by the name of the environment variable that sets each."""
    return {(struct.prefix + field.name).upper(): field for field in msgspec.structs.fields(struct)}


def read(struct: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """Return the struct made from `environ`; raises `BadSettings` with every problem found."""
    found, problems = read_with_problems(struct, environ)
    if problems:
        raise BadSettings(problems)
    return found


def read_with_problems(struct: type[SettingsT], environ: Mapping[str, str]) -> tuple[SettingsT, list[str]]:
    """Return the struct made from `environ`, in which what is malformed has its default, and every problem found."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, field in variables(struct).items():
        secret = is_secret(field)
        try:
            text = read_secret(name, environ) if secret else _variable(name, environ)
            if text is not None:
                values[field.name] = Secret(text) if secret else _convert(text, field.type)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    found = struct(**values)
    return found, problems + unexplained(found.problems(), problems)


def unexplained(lines: Iterable[str], problems: Iterable[str]) -> list[str]:
    """Return the lines that name no variable which one of `problems` is about: from that one they may only follow."""
    faulty = {name for problem in problems for name in _NAME.findall(problem.split(":")[0])}
    return [line for line in lines if faulty.isdisjoint(_NAME.findall(line))]


def read_text(path: str) -> str:
    """Return what a file of the operator says; raises `ValueError` with the reason why it cannot be read."""
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {os.strerror(error.errno or 0)}") from None
    except ValueError:
        raise ValueError("cannot be read: its path has a NUL character in it") from None
    if len(text) > _MAX_FILE_BYTES:
        raise ValueError("is too large")
    try:
        return text.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None


def check_url(text: str) -> str | None:
    """Return what is wrong with a base URL, or None: http or https, a host, perhaps a path, and nothing else."""
    try:
        parts = urlsplit(text)
        bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        bad = True
    labels = "" if bad else (parts.hostname or "").rstrip(".").split(".")
    bad = bad or not all(0 < len(label) < 64 for label in labels)  # as DNS has it; ":" of IPv6 stands in a label
    if bad or not text.isascii() or any(c <= " " for c in text):
        return "must be a URL like https://host or https://host/path"
    if "@" in parts.netloc or "?" in text or "#" in text:
        return "must have no credentials, query or fragment in it"
    return None


def check_secret(secret: Secret | None) -> str | None:
    """Return what is wrong with a credential that goes into an HTTP header, or None."""
    if secret and not all(" " < c < "\x7f" for c in secret.reveal()):
        return "must be printable ASCII without spaces"
    return None


def is_secret(field: msgspec.structs.FieldInfo) -> bool:
    """Return whether a field is a `Secret`, which may come from a file."""
    return Secret in get_args(field.type)


def file_of(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the path of the file that holds a secret, None where none is named."""
    return environ.get(f"{name}_FILE") or None


def read_secret(name: str, environ: Mapping[str, str]) -> str | None:
    """Return what a secret is set to, by its variable or in its file; raises `ValueError`, without the text."""
    text, path = _variable(name, environ), file_of(name, environ)
    if path is None:
        return text
    if text is not None:
        raise ValueError(f"set either {name} or {name}_FILE, not both")
    try:
        found = read_text(path).strip()
    except ValueError as error:
        raise ValueError(f"the file named by {name}_FILE {error}") from None
    if not found:
        raise ValueError(f"the file named by {name}_FILE is empty")
    if "\0" in found:
        raise ValueError(f"the file named by {name}_FILE has a NUL character in it")
    return found


def _variable(name: str, environ: Mapping[str, str]) -> str | None:
    text = environ.get(name) or None
    if text is not None and text.isspace():
        raise ValueError("is blank: give a value, or nothing at all")
    if text is not None and "\0" in text:  # of `.env`: no path or header can have it, and none says so
        raise ValueError("has a NUL character in it")
    if text is not None and len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        # Refused with a password, or not noticed at all: nobody would look for it here.
        raise ValueError("stands in quotation marks, which docker's --env-file leaves there: take them away")
    return text


def _convert(text: str, type_: Any) -> Any:
    choices = get_args(type_) if get_origin(type_) is Literal else ()
    try:
        return msgspec.convert(text.strip().lower() if choices else text.strip(), type_, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"must be one of {', '.join(choices)}" if choices else _plain(str(error))) from None


def _plain(message: str) -> str:
    """Turn msgspec's "Expected `int` >= 1" into "must be a whole number >= 1"; what was given is left out."""
    words = message.split(", got ")[0].replace("Expected ", "must be ", 1)
    for type_, plain in (("`int`", "a whole number"), ("`float`", "a number"), ("`bool`", "true or false")):
        words = words.replace(type_, plain)
    return words
