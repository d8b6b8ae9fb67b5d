"""A compiled query's root field by id whose records take more than the loaders: copies from somewhere nearer, or fields
with resolvers of their own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.arguments import Arguments
from engine.compiled_field import CompiledField, Found
from engine.lookup import Copies, ListedRecord
from engine.run import Failure, Keys, Run, raise_if_not_compiled
from engine.serializer import Row, resolve, row_text


@dataclass(frozen=True, slots=True)
class CompiledRecords:
    """A root field; `copies` and `arguments` where it has the argument for copies."""

    field: CompiledField
    copies: Copies | None = None
    arguments: Arguments | None = None

    @property
    def key(self) -> str:
        """Its key in the answer."""
        return self.field.key

    def argument(self, variables: Mapping[str, Any], parameters: Sequence[str]) -> Any:
        """Return the values that name records, and for copies; raises `NotCompiled` where they are refused."""
        value = self.field.argument(variables, parameters)
        others = self.arguments.values(variables) if self.arguments else {}
        return value, next(iter(others.values()), None)

    def request(self, value: Any, run: Run) -> list[Found]:
        """Request the records, now unless there may be copies."""
        named, accepted = value
        if accepted is not None:
            rows = self._copied(named, accepted, run)
        else:
            rows = self._fetched(self.field.request(named, run), run)
        return [("", "", asyncio.ensure_future(rows))]

    def complete(self, found: list[Found], run: Run) -> Any:
        """Return the field's JSON. Raises `LimitExceeded`, and `NotCompiled` for what graphql-core refuses."""
        ((_, _, outcome),) = found
        lookup = self.field.lookup
        assert lookup
        run.size.add(len(self.key) + 4 + 2 * lookup.is_list)  # quotation marks, colon, comma, brackets
        if (error := outcome.exception()) is not None:
            raise_if_not_compiled(error)
            run.failures.append(Failure(error, [self.key], self.field.positions))
            return None
        texts = [
            row_text(row, self.field.serializers, run, self.field.positions, self._keys(index))
            for index, row in enumerate(outcome.result())
        ]
        run.size.add(max(len(texts) - 1, 0))
        return b"[%b]" % b",".join(texts) if lookup.is_list else texts[0]

    async def _copied(self, value: Any, accepted: Any, run: Run) -> list[Row]:
        """Return the copies that there are, and fetch all other records; raises the field's error."""
        lookup = self.field.lookup
        assert lookup
        assert self.copies
        values = value if lookup.is_list else [value]
        copies = await self.copies.find(run.context, accepted, lookup, values)
        found: list[Found] = []
        for one in values:
            try:
                source, record_id = lookup.key(one)
                copy = copies.get((source.name, record_id))
                outcome = run.context.loaders.request(source, record_id) if copy is None else copy
                found.append((source.name, record_id, outcome))
            except Exception as error:  # it becomes an error at the record's place in the answer
                found.append(("", "", error))
        return await self._fetched(found, run)

    async def _fetched(self, found: list[Found], run: Run) -> list[Row]:
        waiting = [outcome for _, _, outcome in found if isinstance(outcome, asyncio.Future)]
        if waiting:
            await asyncio.wait(waiting)  # which cancels none of them: they are everybody's
        rows = [self._row(*one, run) for one in found]
        await resolve(rows, self.field.serializers, run, self._keys)
        return rows

    def _row(self, source: str, record_id: str, outcome: Any, run: Run) -> Row:
        if isinstance(outcome, ListedRecord):
            return Row(outcome.source, outcome.record, outcome.read_at, is_kept=False)
        is_cached = not isinstance(outcome, asyncio.Future)
        record = outcome if is_cached else outcome.exception() or outcome.result()
        if record is None or isinstance(record, Exception):
            return Row(source, record)
        tells_age = self.field.serializers[source].tells_age
        read_at = run.context.read_at(source, record_id) if tells_age else None
        return Row(source, record, read_at, is_kept=is_cached and not tells_age)

    def _keys(self, index: int) -> Keys:
        return [self.key, index] if self.field.lookup and self.field.lookup.is_list else [self.key]
