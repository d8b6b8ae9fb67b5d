"""The JSON of a page's records: what is stored is looked up, and all others are read and written together.

One by one, the calls that read and write a record took as long as the work in them.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from engine.answer import SizeAhead
from engine.lookup import NotRead, PageRecords
from engine.serializer import Serializer, Serializers

Text: TypeAlias = bytes | Exception | None
"""A record's JSON, or why it has none; None where there is no record."""


def page_texts(records: PageRecords, serializers: Serializers, ahead: SizeAhead) -> list[Text]:
    """Return the JSON of each record, which is stored for the next page that has it; raises `LimitExceeded`.

    What is new and may be long is counted `ahead`: texts are counted in the answer where they stand in it.
    """
    sources, versions = records.sources, records.versions
    if not sources:
        return []
    if any(one.tells_age for one in serializers.values()):
        versions = [
            (version, records.read_at(place)) if serializers[source].tells_age else version
            for place, (source, version) in enumerate(zip(sources, versions, strict=True))
        ]
    numbers = {source: one.number for source, one in serializers.items()}
    cache = serializers[sources[0]].serialization_cache
    found: list[Text] = [*cache.get_versions([numbers[source] for source in sources], versions)]
    missing: dict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(found):
        if text is None:
            missing[sources[place]].append(place)
    for source, places in missing.items():
        unwritten = _Unwritten(records, source, versions, serializers[source], ahead)
        for place, text in zip(places, unwritten.texts(places), strict=True):
            found[place] = text
    return found


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """Records of one source whose text is not stored."""

    records: PageRecords
    source: str
    versions: Sequence[Hashable]
    serializer: Serializer
    ahead: SizeAhead

    def texts(self, places: Sequence[int]) -> Sequence[Text]:
        """Read no more of the records than is written: what that is, records before these have shown."""
        reads = self.serializer.reads
        while (names := reads.names) is not None:
            if (parts := self.records.parts(self.source, places, names)) is None:
                break
            try:
                return self._written(places, parts)
            except NotRead as missing:
                reads.add(missing.args[0])
        if len(places) > 1:
            return [self.texts([place])[0] for place in places]
        record = self.records.record(places[0])
        return [record] if record is None or isinstance(record, Exception) else self._written(places, [record])

    def _written(self, places: Sequence[int], records: Sequence[object]) -> Sequence[Text]:
        one = self.serializer
        if one.tells_age:
            times = map(self.records.read_at, places)
            completed = [one.complete(record, self.ahead, time) for record, time in zip(records, times, strict=True)]
        else:
            completed = [one.complete(record, self.ahead, None) for record in records]
        return one.serialization_cache.store_versions(one.number, [self.versions[place] for place in places], completed)
