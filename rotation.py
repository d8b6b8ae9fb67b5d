"""Every secret can be changed while the server runs: docs/maintenance.md, "Rotation".

Each lies in one `Secret`, whose text is replaced here and nowhere else. Files of secrets are looked at each second;
SIGHUP has everything read anew at once, `.env` too, and what is no secret but a table of the operator's. What is
malformed leaves in force what was there before, and keeps nothing else from being changed.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from msgspec import structs

from httpserver.hangup import Terminal
from resolvers.secret_files import SecretFiles
from resolvers.setting_names import misspelt
from resolvers.settings import BadSettings, Secret, Settings, file_of, is_secret, read_secret, variables

CHECK_SECONDS: Final = 1.0
"""Between two checks of the files."""
logger: Final = logging.getLogger("opportunity_graph.rotation")

Read = Callable[[], Mapping[str, str]]
"""Gives the variables as they are set now; raises `BadSettings`."""

Tables = Mapping[str, Callable[[], bool]]
"""What reads a file of the operator's anew and returns whether it has changed, by the setting that names it; raises
`ValueError` for one that is malformed."""

Reaction = tuple[Settings, Callable[[], None]]
"""What is to be called when a secret of some settings was replaced."""


class Rotation:
    """The secrets of some settings, the `reactions` to new ones, how variables are read, and what else is a file."""

    def __init__(
        self, settings: Sequence[Settings], read: Read, reactions: Sequence[Reaction], tables: Tables | None = None
    ) -> None:
        self._tables = tables or {}
        self._read = read
        self._reactions = reactions
        self._secrets = {
            name: (field.name, settings_)
            for settings_ in settings
            for name, field in variables(type(settings_)).items()
            if is_secret(field)
        }
        self._structs = [type(one) for one in settings]
        self._others = sorted({name for one in settings for name in variables(type(one))} - self._secrets.keys())
        self._given: Mapping[str, str] = {}
        self.files = SecretFiles(())

    def begin(self) -> None:
        """Take what has changed since the settings were read, which may be long ago."""
        if self._read_variables():
            self._replace(self._secrets)

    def read_changed(self) -> None:
        """Read anew the secrets whose files have changed."""
        if changed := self.files.changed():
            self._replace([name for name in self._secrets if file_of(name, self._given) in changed])

    def read_anew(self) -> None:
        """Read every secret anew, wherever it is set, and the operator's tables."""
        for name, read_table in self._tables.items():
            try:
                if read_table():
                    logger.info("read anew, and in force from now on: %s", name)
            except ValueError as error:
                _log_refused([f"{name}: {error}"])
        before = self._given
        if not self._read_variables():
            return
        if not self._replace(self._secrets):
            logger.info("secrets were read anew: none has changed")
        if others := [name for name in self._others if (before.get(name) or "") != (self._given.get(name) or "")]:
            logger.warning("changed, but read at the start alone: %s", " ".join(others))
        for fault in sorted({*misspelt(self._structs, self._given)} - {*misspelt(self._structs, before)}):
            logger.warning("the next start would be refused: %s", fault)

    def _read_variables(self) -> bool:
        try:
            self._given = given = self._read()
        except BadSettings as error:
            _log_refused(error.problems)
            return False
        self.files = SecretFiles({path for name in self._secrets if (path := file_of(name, given)) is not None})
        return True

    def _replace(self, names: Iterable[str]) -> bool:
        """Replace those that differ; return whether there was any, taken or refused."""
        taken: list[str] = []
        refused: list[str] = []
        for name in names:
            field, settings = self._secrets[name]
            held: Secret | None = getattr(settings, field)
            try:
                text = read_secret(name, self._given)
            except ValueError as error:
                refused.append(f"{name}: {error}")
                continue
            if text == (held.reveal() if held else None):
                continue
            if held is None or text is None:
                refused.append(f"{name}: was {'removed' if held else 'added'}, which takes a restart")
            elif faults := _faults(name, field, settings, text):
                refused += faults
            else:
                held.replace(text)
                taken.append(name)
        for owner, react in self._reactions:
            if any(self._secrets[name][1] is owner for name in taken):
                react()
        if taken:
            logger.info("read anew, and in force from now on: %s", " ".join(taken))
        _log_refused(refused)
        return bool(taken or refused)


def _faults(name: str, field: str, settings: Settings, text: str) -> list[str]:
    """Return why a secret cannot be replaced by another text."""
    after = structs.replace(settings, **{field: Secret(text)})
    faults = [fault for fault in after.problems() if fault.startswith(f"{name}:")]
    return faults or [fault for fault in settings.change_problems(after) if fault.startswith(f"{name}:")]


def _log_refused(faults: Iterable[str]) -> None:
    for fault in faults:
        logger.error("not read anew, what was set before stays in force: %s", fault)


@asynccontextmanager
async def rotating(rotation: Rotation) -> AsyncIterator[None]:
    """Have secrets read anew until the block ends: at SIGHUP, and when their files change."""
    loop = asyncio.get_running_loop()
    terminal = Terminal()
    timer: asyncio.TimerHandle | None = None

    def check() -> None:
        nonlocal timer
        timer = loop.call_later(CHECK_SECONDS, check)
        rotation.read_changed()

    def on_hangup() -> None:
        if terminal.is_closed:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        rotation.read_anew()
        if len(rotation.files) and timer is None:
            check()

    rotation.begin()
    with suppress(ValueError, RuntimeError):  # in another thread than the main one
        loop.add_signal_handler(signal.SIGHUP, on_hangup)
    if len(rotation.files):
        check()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        loop.remove_signal_handler(signal.SIGHUP)
