"""Every source of the list is complete; what one lacks is listed by name."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from graphql import GraphQLObjectType, get_named_type

from resolvers.nexudus import NEXUDUS, NexudusSettings
from resolvers.registry import SOURCES
from resolvers.settings import variables
from resolvers.source import Source
from schema import build_schema
from schema.opportunity import OpportunitySource

ROOT = Path(__file__).parent.parent


def own_type(source: Source) -> GraphQLObjectType | None:
    """Return the source's type: the implementation of `Opportunity` that has its name."""
    schema = build_schema()._schema
    interface = schema.type_map["Opportunity"]
    for type_ in schema.get_possible_types(interface):  # type: ignore[arg-type]
        if type_.name.lower() == f"{source.name}opportunity":
            return type_
    return None


def lacking(source: Source) -> list[str]:
    """Return what a source still needs, by name."""
    name = source.name
    found = [
        path
        for path in (
            f"resolvers/{name}/__init__.py",
            f"resolvers/{name}/record.py",
            f"resolvers/{name}/client.py",
            f"schema/{name}.py",
            f"simulator/{name}.py",
        )
        if not (ROOT / path).is_file()
    ]
    if not list((ROOT / "tests").glob(f"test_{name}*.py")):
        found.append(f"tests/test_{name}*.py")
    documented = (ROOT / ".env.example").read_text("utf-8")
    found += [
        f"{variable} in .env.example" for variable in variables(source.settings) if f"{variable}=" not in documented
    ]
    if name not in {member.value for member in OpportunitySource}:
        found.append(f"{name.upper()} in schema/opportunity.py: OpportunitySource")
    for file in ("schema/context.py", "schema/federation.py"):
        if name.upper() not in (ROOT / file).read_text("utf-8"):
            found.append(f"its entry in {file}")
    type_ = own_type(source)
    if type_ is None:
        found.append("a type that implements Opportunity and stands in schema/__init__.py")
    fields = build_schema()._schema.query_type.fields.values()  # type: ignore[union-attr]
    if type_ is None or not any(get_named_type(field.type).name == type_.name for field in fields):
        found.append("a root field in schema/query.py")
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_source_lacks_nothing(source: Source) -> None:
    assert lacking(source) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_source_says_what_its_ids_look_like_in_words(source: Source) -> None:
    assert source.title
    assert source.name == source.name.lower()
    assert source.name.isidentifier()
    assert source.id_shape.startswith("it is ")
    assert source.settings.prefix.upper() == f"{source.name.upper()}_"
    assert source.canonical_id(source.id_shape.rsplit(" ", 1)[-1]) is not None


def test_names_are_distinct_and_no_prefix_of_one_another() -> None:
    names = [source.name for source in SOURCES]
    assert len(set(names)) == len(names)
    assert [(a, b) for a in names for b in names if a != b and a.startswith(b)] == []


def test_what_a_new_source_lacks_is_listed_by_name() -> None:
    class NewSettings(NexudusSettings, frozen=True, kw_only=True):
        prefix: ClassVar[str] = "brandnew_"

    listed = lacking(replace(NEXUDUS, name="brandnew", settings=NewSettings))
    assert [line for line in listed if not line.startswith("BRANDNEW_")] == [
        "resolvers/brandnew/__init__.py",
        "resolvers/brandnew/record.py",
        "resolvers/brandnew/client.py",
        "schema/brandnew.py",
        "simulator/brandnew.py",
        "tests/test_brandnew*.py",
        "BRANDNEW in schema/opportunity.py: OpportunitySource",
        "its entry in schema/context.py",
        "its entry in schema/federation.py",
        "a type that implements Opportunity and stands in schema/__init__.py",
        "a root field in schema/query.py",
    ]
    assert "BRANDNEW_PASSWORD in .env.example" in listed
