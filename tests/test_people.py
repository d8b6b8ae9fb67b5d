"""`schema.people`: one person is one owner in both systems, in what is shown and in what is filtered by."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schema.deals.columns import columns
from schema.people import PEOPLE, BadPeople, Person, read_people
from tests.deal_lists import deal, open_deals, simulated

NEXUDUS, CHARTMOGUL = (simulated()[source][0] for source in ("nexudus", "chartmogul"))
TESTY = Person("Testy McAdminface", "testy@example.com", ["testy.seller@example.com"])


@pytest.fixture
def known() -> Iterator[None]:
    PEOPLE.know([TESTY])
    yield
    PEOPLE.know([])


@pytest.mark.usefixtures("known")
async def test_an_owner_is_the_same_person_in_both_systems() -> None:
    query = """{ opportunities(filter: {owner: {eq: "TESTY@example.com"}}) { nodes { source owner { name email } } }
      opportunitySummary(groupBy: [OWNER]) { rows { keys { value } } } }"""
    async with open_deals(deal("nexudus", NEXUDUS), deal("chartmogul", CHARTMOGUL)) as graph:
        data = await graph.data(query)
        assert {node["source"] for node in data["opportunities"]["nodes"]} == {"NEXUDUS", "CHARTMOGUL"}
        for node in data["opportunities"]["nodes"]:
            assert node["owner"] == {"name": "Testy McAdminface", "email": "testy@example.com"}
        assert {row["keys"][0]["value"] for row in data["opportunitySummary"]["rows"]} == {"Testy McAdminface"}


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("called", ["Testy McAdminface", "testy mcadminface", "testy.seller@example.com"])
async def test_deals_of_a_person_are_found_by_all_that_the_person_is_called(called: str) -> None:
    query = """query($called: String!) {
      eq: opportunities(filter: {owner: {eq: $called}}) { totalCount }
      in: opportunities(filter: {owner: {in: ["nobody", $called]}}) { totalCount }
      not: opportunities(filter: {owner: {notIn: [$called]}}) { totalCount }
    }"""
    async with open_deals(deal("nexudus", NEXUDUS), deal("chartmogul", CHARTMOGUL)) as graph:
        data = await graph.data(query, called=called)
        assert {name: found["totalCount"] for name, found in data.items()} == {"eq": 2, "in": 2, "not": 0}


@pytest.mark.usefixtures("known")
def test_nobody_is_guessed() -> None:
    other = msgspec.structs.replace(NEXUDUS, responsible_full_name="Testy")
    assert columns("nexudus", other)[0].owner_email is None
    assert columns("chartmogul", msgspec.structs.replace(CHARTMOGUL, owner="t@example.com"))[0].owner_name is None


def test_without_a_list_each_source_tells_what_it_knows() -> None:
    assert columns("nexudus", NEXUDUS)[0].owner_email is None
    assert columns("chartmogul", CHARTMOGUL)[0].owner_name is None


def test_the_file_of_an_operator(tmp_path: Path) -> None:
    file = tmp_path / "owners.json"
    file.write_bytes(msgspec.json.encode([TESTY]))
    assert read_people(file) == [TESTY]
    with pytest.raises(BadPeople, match="cannot be read"):
        read_people(tmp_path / "none")


@pytest.mark.parametrize(
    "said",
    [
        {},
        [{"name": "Ada Secret"}],
        [{"name": "Ada Secret", "email": "none"}],
        [{"name": "Ada Secret", "email": "a@x"}, {"name": "ADA SECRET", "email": "b@x"}],
    ],
)
def test_a_file_that_does_not_say_who_is_who_is_refused_without_repeating_it(said: Any, tmp_path: Path) -> None:
    file = tmp_path / "owners.json"
    file.write_bytes(msgspec.json.encode(said))
    with pytest.raises(BadPeople) as caught:
        read_people(file)
    assert "Secret" not in str(caught.value)
