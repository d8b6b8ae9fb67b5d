"""Who writes gives others a turn now and then: the same turns for all of a transaction, as it may be put off only so
long."""

from sqlalchemy import Connection

from background import Turns


def begin_turns(connection: Connection) -> Turns:
    """Return the turns of what a connection does from now on."""
    turns = connection.info["turns"] = Turns()
    return turns


def turns_of(connection: Connection) -> Turns:
    """Return the turns of the work under way."""
    return connection.info.get("turns") or begin_turns(connection)
