"""Who writes, or reads for nobody who waits, gives others a turn now and then: the same turns for all of a transaction,
as it may be put off only so long."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event

from background import Turns


def pause_before_statements(engine: Engine) -> None:
    """Have each connection that has turns pause before it gives a statement to its driver: what makes a statement, and
    what is made of its rows, takes the interpreter as long as the statement takes the database."""

    def pause(connection: Connection, *_: Any) -> None:
        if (turns := connection.info.get("turns")) is not None:
            turns.pause()

    event.listen(engine, "before_cursor_execute", pause)


def begin_turns(connection: Connection) -> Turns:
    """Return the turns of what a connection does from now on."""
    turns = connection.info["turns"] = Turns()
    return turns


def end_turns(connection: Connection) -> None:
    """Give no turns any more: whoever has the connection next may be waited for."""
    if not connection.invalidated:  # the one that broke off is the pool's no more, and to ask it would raise
        connection.info.pop("turns", None)


def do_not_pause() -> None:
    """Somebody waits."""


def pause_of(connection: Connection) -> Callable[[], None]:
    """Return what is to be called between two pieces of a connection's work: it does nothing where somebody waits."""
    turns: Turns | None = connection.info.get("turns")
    return do_not_pause if turns is None else turns.pause


def turns_of(connection: Connection) -> Turns:
    """Return the turns of the work under way."""
    return connection.info.get("turns") or begin_turns(connection)
