"""What a caller may see: two scopes, and the marks in the schema that they go by.

`opportunities:read` lets a caller fetch records at all; `schema/context.py` asks for it where records are fetched.
`contacts:read` lets it see personal data: the fields with the mark `@tag(name: "pii")`, which platform teams can build
contracts on. A record is fetched and cached whole, and the marks apply to the fields: so nothing that is shared among
requests depends on who asked. Every marked field is nullable, so that its refusal hurts nothing beside it.

Callers with `contacts:read` are answered with the schema as it is. The others are answered with a second schema, whose
marked fields refuse: nobody pays for a check that cannot fail.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema
from strawberry.federation.schema_directives import Tag
from strawberry.types.field import StrawberryField

from engine.errors import RequestRefused
from resolvers.errors import ResolverError

READ_OPPORTUNITIES: Final = "opportunities:read"
READ_CONTACTS: Final = "contacts:read"
SCOPES: Final = (READ_OPPORTUNITIES, READ_CONTACTS)

PERSONAL: Final = "pii"
"""The name of the tag on personal data."""

CUSTOM_ATTRIBUTES: Final = "ChartMogulCustomAttribute.value"
"""Whether these are personal depends on what a company keeps in them."""

MIXED: Final = frozenset({"OpportunityFieldChange.before", "OpportunityFieldChange.after"})
"""These hold personal data or other, as it comes: they carry the mark, and refuse by themselves what is personal."""

CLOSED_IN_PRODUCTION: Final = frozenset({"__schema", "__type", "_service", "_entities"})
"""Root fields that only a gateway may ask for in production: they print the schema, or fetch in a gateway's way."""


MOST_REFUSALS: Final = 2_000
"""Personal fields that are refused one by one in an answer; who asks for more of them gets no answer."""


class Forbidden(ResolverError):
    """The caller is known, and may not see this."""

    code = "FORBIDDEN"


NO_CONTACTS: Final = f"This caller may not see personal data: the scope {READ_CONTACTS} is missing."


@dataclass(frozen=True, slots=True)
class Access:
    """What one caller may do. `closed_fields` are the root fields that it may not ask for.

    `may_fetch`: whether records may be fetched. `is_restricted`: whether the schema with personal data closed answers
    this caller. There are no defaults: who forgets to say what a caller may see must not thereby show it everything.
    """

    may_fetch: bool
    is_restricted: bool
    closed_fields: frozenset[str]

    @classmethod
    def of(cls, scopes: Collection[str], *, is_gateway: bool, is_production: bool) -> "Access":
        """Return what a caller with these scopes may do."""
        return cls(
            may_fetch=READ_OPPORTUNITIES in scopes,
            is_restricted=READ_CONTACTS not in scopes,
            closed_fields=CLOSED_IN_PRODUCTION if is_production and not is_gateway else frozenset(),
        )

    def refuse_root_fields(self) -> NoReturn:
        """Raise `RequestRefused`: one of `closed_fields` was asked for."""
        raise RequestRefused("Introspection and the fields of a gateway are closed to this caller.", Forbidden.code)

    def check_opportunities(self) -> None:
        """Raise `Forbidden` unless the caller may fetch records."""
        if not self.may_fetch:
            raise Forbidden(f"This caller may not read opportunities: the scope {READ_OPPORTUNITIES} is missing.")


def is_personal(field: GraphQLField) -> bool:
    """Whether a field carries the mark."""
    definition = (field.extensions or {}).get("strawberry-definition")
    return isinstance(definition, StrawberryField) and is_marked(definition)


def is_marked(field: StrawberryField) -> bool:
    """Whether a field carries the mark, before there is a schema."""
    return any(isinstance(directive, Tag) and directive.name == PERSONAL for directive in field.directives)


def personal_fields(schema: GraphQLSchema) -> dict[str, GraphQLField]:
    """Return the marked fields by their coordinates, `Type.field`."""
    return {
        f"{type_.name}.{name}": field
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        for name, field in type_.fields.items()
        if is_personal(field)
    }


def close_personal_fields(schema: GraphQLSchema, *, custom_attributes_too: bool) -> None:
    """Make every marked field of a schema refuse, but for those that do so by themselves."""
    for coordinates, field in personal_fields(schema).items():
        if coordinates in MIXED:
            continue
        if custom_attributes_too or coordinates != CUSTOM_ATTRIBUTES:
            field.resolve = _refuse


def _refuse(_source: Any, info: GraphQLResolveInfo[Any], **_arguments: Any) -> None:
    note_refusal(info)


def note_refusal(info: GraphQLResolveInfo[Any]) -> None:
    """Note that a field was refused, which is then null: to raise would cost ten times as much, and one document can
    ask ten thousand times."""
    refused = info.context.refused
    if len(refused) <= MOST_REFUSALS:
        refused.append((info.path, info.field_nodes))
