"""A type says each of its fields once. What it says reaches the printed schema, the objects and compiled operations."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
import strawberry
from strawberry.exceptions import MissingFieldAnnotationError

from engine.mapping import Constant, EnumMapping, IdMapping, ListMapping, ObjectMapping, Presence, Value, value_of
from schema.access import PERSONAL
from schema.mapped_type import ANY_FIELD, inherited, mapped, mapped_type, mapping_of
from schema.sources import SOURCE_TYPES


@dataclass
class Row:
    id: int = 7
    title: str | None = "Ten desks"
    street: str | None = None
    city: str | None = None
    tags: tuple[str, ...] = ("a", "b")


@strawberry.interface
class Thing:
    id: strawberry.ID = strawberry.field(description="The id.")
    label: str | None = strawberry.federation.field(tags=[PERSONAL], description="The label.")


@mapped_type(description="A place.", present=ANY_FIELD)
class Place:
    street: str | None = mapped("street", description="The street.")
    city: str | None = mapped("city", description="The city.")


@mapped_type(description="A tag.")
class TagOfDeal:
    name: str = mapped(str.upper, description="The tag's name.")


@mapped_type(keys=["id"], description="A deal.")
class Deal(Thing):
    id = inherited(IdMapping("id"))
    label = inherited("title")

    kind: str = mapped(Constant("deal"), description="What it is.")
    title: str | None = mapped("title", description="The title.", personal=True)
    place: Place | None = mapped(Place, description="Where it is.")
    tags: list[TagOfDeal] = mapped(ListMapping(mapping_of(TagOfDeal), lambda row: row.tags), description="Its tags.")


def schema() -> strawberry.federation.Schema:
    @strawberry.type
    class Query:
        @strawberry.field
        def deal(self) -> Deal | None:
            return mapping_of(Deal).of(Row())

    return strawberry.federation.Schema(query=Query, federation_version="2.3")


def test_one_statement_gives_a_field_its_name_its_description_and_its_tag() -> None:
    printed = schema().as_str()
    assert '"""The title."""\n  title: String @tag(name: "pii")\n' in printed
    assert '"""What it is."""\n  kind: String!\n' in printed


def test_a_field_of_an_interface_keeps_the_interfaces_type_description_and_tag() -> None:
    _, _, type_ = schema().as_str().partition("type Deal ")
    assert '"""The id."""\n  id: ID!\n' in type_
    assert '"""The label."""\n  label: String @tag(name: "pii")\n' in type_


def test_an_object_has_what_each_field_says() -> None:
    answer = schema().execute_sync("{ deal { id label kind title place { city } tags { name } } }")
    assert answer.errors is None
    assert answer.data == {
        "deal": {
            "id": "7",
            "label": "Ten desks",
            "kind": "deal",
            "title": "Ten desks",
            "place": None,
            "tags": [{"name": "A"}, {"name": "B"}],
        }
    }


def test_a_compiled_operation_reads_the_same_from_the_record_alone() -> None:
    fields = mapping_of(Deal).fields
    assert {name: value_of(fields[name], Row()) for name in ("id", "label", "kind", "title", "place")} == {
        "id": "7",
        "label": "Ten desks",
        "kind": "deal",
        "title": "Ten desks",
        "place": None,
    }


@pytest.mark.parametrize(("row", "is_present"), [(Row(), False), (Row(city="Bonn"), True), (Row(street=""), True)])
def test_an_object_that_needs_any_field_is_there_once_the_record_has_one(row: Row, is_present: bool) -> None:
    assert (mapping_of(Place).of(row) is not None) is is_present


def test_a_field_of_the_interface_that_a_type_leaves_out_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"Incomplete: \['label'\] is missing or unknown"):

        @mapped_type(description="Without a label.")
        class Incomplete(Thing):
            id = inherited(IdMapping("id"))


def test_a_field_that_no_interface_has_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"Misspelt: \['lable'\] is missing or unknown"):

        @mapped_type(description="A slip of the pen.")
        class Misspelt(Thing):
            id = inherited(IdMapping("id"))
            label = inherited("title")
            lable = inherited("title")


def test_a_field_without_a_value_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"Unmapped: \['title'\] is missing or unknown"):

        @mapped_type(description="Its title comes from nowhere.")
        class Unmapped:
            title: str | None = strawberry.field(description="The title.")


def test_a_field_without_a_type_is_refused_by_name() -> None:
    with pytest.raises(MissingFieldAnnotationError, match="title"):

        @mapped_type(description="Its title may be anything.")
        class Untyped:
            title = mapped("title", description="The title.")


@pytest.mark.parametrize("type_", [Thing, type("Subclass", (Deal,), {})])
def test_a_type_that_says_nothing_of_its_fields_has_no_mapping(type_: Any) -> None:
    with pytest.raises(TypeError, match=f"{type_.__name__} is not a mapped type"):
        mapping_of(type_)


def test_a_field_of_an_interface_that_is_declared_again_is_refused_by_name() -> None:
    """It would lose the description, and the tag that closes it to callers who may not see personal data."""
    with pytest.raises(TypeError, match=r"Again: \['label'\] is declared by an interface"):

        @mapped_type(description="Says a type twice.")
        class Again(Thing):
            id = inherited(IdMapping("id"))
            label: str | None = inherited("title")


@pytest.mark.parametrize(
    "value",
    [
        "titel",
        IdMapping("titel"),
        EnumMapping({}, "titel"),
        ObjectMapping(Place, {"street": "titel", "city": Constant(None)}),
    ],
)
def test_an_attribute_that_a_record_does_not_have_is_refused_by_name(value: Value) -> None:
    @mapped_type(description="A slip of the pen.")
    class Slip:
        title: str | None = mapped(value, description="The title.")

    with pytest.raises(TypeError, match=r"NexudusRecord has no attribute \['titel'\]"):
        replace(SOURCE_TYPES[0], mapping=mapping_of(Slip))


@pytest.mark.parametrize("present", ["titel", ("name", "titel")])
def test_an_attribute_that_decides_about_an_object_and_does_not_exist_is_refused_too(present: Presence) -> None:
    with pytest.raises(TypeError, match=r"NexudusRecord has no attribute \['titel'\]"):
        replace(SOURCE_TYPES[0], mapping=replace(SOURCE_TYPES[0].mapping, present=present))
