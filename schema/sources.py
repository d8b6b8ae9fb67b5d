"""THE list of what clients see of each source. A third source is one entry here; the rest of `schema/` goes by it."""

from dataclasses import dataclass
from typing import Any

import msgspec

from engine.mapping import ObjectMapping
from resolvers.chartmogul import CHARTMOGUL
from resolvers.chartmogul.record import ChartMogulRecord
from resolvers.nexudus import NEXUDUS
from resolvers.nexudus.record import NexudusRecord
from resolvers.source import Source
from schema import chartmogul, nexudus
from schema.mapped_type import mapping_of


@dataclass(frozen=True, slots=True)
class SourceType:
    """A source's own type, whose `mapping` reads a `record`, and the root field that takes the source's own ids.

    An attribute that the record does not have raises `TypeError` with its name.
    """

    source: Source
    record: type[msgspec.Struct]
    mapping: ObjectMapping[Any]
    root_field: str
    description: str
    id_description: str

    def __post_init__(self) -> None:
        """Check the names at import: they are strings, in which no type checker finds a slip."""
        if unknown := {name for name in self.mapping.attributes() if not hasattr(self.record, name)}:
            raise TypeError(f"{self.record.__name__} has no attribute {sorted(unknown)}")

    @property
    def list_field(self) -> str:
        """The root field that takes several of the source's own ids: `nexudusOpportunities`."""
        return f"{self.root_field.removesuffix('y')}ies"

    @property
    def type_name(self) -> str:
        """The type's name in the graph."""
        return str(self.mapping.type_.__strawberry_definition__.name)


SOURCE_TYPES = (
    SourceType(
        NEXUDUS,
        NexudusRecord,
        mapping_of(nexudus.NexudusOpportunity),
        root_field="nexudusOpportunity",
        description="One Nexudus CrmOpportunity, by Nexudus' own numeric `Id`.",
        id_description="Nexudus' `Id`, a whole number.",
    ),
    SourceType(
        CHARTMOGUL,
        ChartMogulRecord,
        mapping_of(chartmogul.ChartMogulOpportunity),
        root_field="chartMogulOpportunity",
        description="One ChartMogul opportunity, by ChartMogul's own `uuid`.",
        id_description="ChartMogul's `uuid`.",
    ),
)

MAPPINGS: dict[str, ObjectMapping[Any]] = {one.source.name: one.mapping for one in SOURCE_TYPES}
"""What clients see of a source's records, by the source's name."""
