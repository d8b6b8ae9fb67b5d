"""A compiled query's fields that give pages of records: at the root, and of a record or an object that it has."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.compiled_connection import Connection
from engine.compiled_field import Found
from engine.run import Failure, Keys, Run, raise_if_not_compiled
from engine.serializer import ResolvedField


@dataclass(frozen=True, slots=True)
class CompiledListing:
    """A root field that gives a page."""

    key: str
    positions: list[int]
    connection: Connection

    def argument(self, variables: Mapping[str, Any], _parameters: Sequence[str]) -> Any:
        """Return the arguments' values; raises an exception where they are refused."""
        return self.connection.arguments.values(variables)

    def request(self, value: Any, run: Run) -> list[Found]:
        """Request the page, and what is to be resolved of it."""
        return [("", "", asyncio.ensure_future(self.connection.find(run, [self.key], value)))]

    async def find(self, value: Any, run: Run) -> list[Found]:
        """Return what `request` gives, with its outcome: for who requests nothing beside it, and so needs no task."""
        try:
            return [("", "", _outcome(await self.connection.find(run, [self.key], value)))]
        except Exception as error:
            return [("", "", _outcome(error=error))]

    def complete(self, found: list[Found], run: Run) -> Any:
        """Return the connection's JSON. Raises `LimitExceeded`, and `NotCompiled` for what graphql-core refuses."""
        ((_, _, outcome),) = found
        run.size.add(len(self.key) + 4)  # quotation marks, colon, comma
        if (error := outcome.exception()) is not None:
            raise_if_not_compiled(error)
            run.failures.append(Failure(error, [self.key], self.positions))
            return None
        page = outcome.result()
        return None if page is None else self.connection.text(page, run, [self.key])


@dataclass(frozen=True, slots=True)
class NestedListing(ResolvedField):
    """A field of a record, or of an object that it has, that gives a page."""

    connection: Connection

    def request(self, source: str, record: Any, run: Run, keys: Keys) -> Any:
        """Have the page found."""
        if not self.selected.has_parent(record):
            return None
        arguments = self.connection.arguments.values(run.variables)
        parent = self.selected.parents[-1].of(record)
        return asyncio.ensure_future(self.connection.find(run, keys, arguments, parent))

    def text(self, outcome: Any, run: Run, keys: Keys) -> bytes:
        """Return its JSON."""
        return b"null" if outcome is None else self.connection.text(outcome, run, keys)


def _outcome(page: Any = None, error: Exception | None = None) -> asyncio.Future[Any]:
    """Return a future that is done. No frame that the error went through has it: that would be a cycle."""
    found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    if error is None:
        found.set_result(page)
    else:
        found.set_exception(error)
    return found
