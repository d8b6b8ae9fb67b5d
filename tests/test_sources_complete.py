"""Every source of the list is complete; what one lacks is listed by name.

`resolvers.registry` lists them, each a `resolvers.source` with settings (`resolvers.source_settings`).
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from graphql import get_named_type

from resolvers.nexudus import NEXUDUS, NexudusSettings
from resolvers.registry import SOURCES
from resolvers.settings import variables
from resolvers.source import Source
from schema.opportunity import Opportunity, OpportunitySource
from schema.sources import SOURCE_TYPES
from tests.schemas import build_schema

ROOT = Path(__file__).parent.parent


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
    one = next((one for one in SOURCE_TYPES if one.source.name == name), None)
    if one is None:
        found.append("its entry in schema/sources.py")
    elif not issubclass(one.mapping.type_, Opportunity):
        found.append("a type that implements Opportunity")
    elif one.type_name.lower() != f"{name}opportunity":
        found.append("a type that has its name")
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_source_lacks_nothing(source: Source) -> None:
    assert lacking(source) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_graph_has_the_sources_type_and_a_root_field_for_it(source: Source) -> None:
    schema: Any = build_schema()._schema
    (one,) = (one for one in SOURCE_TYPES if one.source is source)
    assert one.type_name in {type_.name for type_ in schema.get_possible_types(schema.type_map["Opportunity"])}
    assert get_named_type(schema.query_type.fields[one.root_field].type).name == one.type_name


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
        "its entry in schema/sources.py",
    ]
    assert "BRANDNEW_PASSWORD in .env.example" in listed
