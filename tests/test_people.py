"""`schema.people`: one person is one owner in both systems, in what is shown and in what is filtered by."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schema.deals.columns import columns
from schema.people import PEOPLE, BadPeople, Person, read_people
from store.database import open_database
from store.deals import upsert
from tests import logged
from tests.deal_lists import deal, open_deals, simulated
from tests.harness import CACHES, open_graph

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


@pytest.mark.parametrize("called", ["TESTY@example.com", "Testy McAdminface", "testy.seller@example.com"])
async def test_deals_that_were_stored_before_a_person_was_known_are_found_too(called: str) -> None:
    query = """query($called: String!) {
      eq: opportunities(filter: {owner: {eq: $called}}) { totalCount }
      in: opportunities(filter: {owner: {in: [$called]}}, orderBy: [{field: OWNER}]) { totalCount nodes { id } }
      not: opportunities(filter: {owner: {notIn: [$called]}}) { totalCount }
    }"""
    stranger = msgspec.structs.replace(NEXUDUS, id=1, responsible_full_name="Testy")
    others = msgspec.structs.replace(CHARTMOGUL, owner="testy.seller@example.com")
    async with open_deals(deal("nexudus", NEXUDUS), deal("chartmogul", others), deal("nexudus", stranger)) as graph:
        PEOPLE.know([TESTY])
        try:
            data = await graph.data(query, called=called)
        finally:
            PEOPLE.know([])
        assert {name: found["totalCount"] for name, found in data.items()} == {"eq": 2, "in": 2, "not": 1}
        assert len(data["in"]["nodes"]) == 2


@pytest.mark.usefixtures("known")
def test_nobody_is_guessed() -> None:
    other = msgspec.structs.replace(NEXUDUS, responsible_full_name="Testy")
    assert columns("nexudus", other)[0].owner_email is None
    assert columns("chartmogul", msgspec.structs.replace(CHARTMOGUL, owner="t@example.com"))[0].owner_name is None


def test_without_a_list_each_source_tells_what_it_knows() -> None:
    assert columns("nexudus", NEXUDUS)[0].owner_email is None
    assert columns("chartmogul", CHARTMOGUL)[0].owner_name is None


def test_an_object_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "owners.json"
    file.write_text('[{"name": "Ada", "email": "a@x", "email": "b@x"}]')
    with pytest.raises(BadPeople, match=r"^an object in the file has a name twice$"):
        read_people(file)


def test_the_file_of_an_operator(tmp_path: Path) -> None:
    file = tmp_path / "owners.json"
    file.write_bytes(msgspec.json.encode([TESTY]))
    assert read_people(file) == [TESTY]
    with pytest.raises(BadPeople, match=r"^the file cannot be read: No such file or directory$"):
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


async def test_a_hang_up_has_the_owners_read_anew_and_a_malformed_file_leaves_those_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, store = tmp_path / "owners.json", str(tmp_path / "deals.db")
    queries = (
        '{ found: nexudusOpportunities(sourceIds: ["1427000501"]) { owner { email } } }',
        '{ page: opportunities(filter: {sourceId: {eq: "1427000501"}}) { found: nodes { owner { email } } } }',
    )

    def call(email: str) -> None:
        file.write_bytes(msgspec.json.encode([{"name": TESTY.name, "email": email}]))

    async def hang_up() -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        for _ in range(5):
            await asyncio.sleep(0)

    call("first@example.com")
    async with open_database(store, threads=0) as database:
        await database.write(lambda connection: upsert(connection, [deal("nexudus", NEXUDUS)]))
    async with open_graph(OWNERS_FILE=str(file), STORE_URL=store, changes={}, **CACHES) as graph:

        async def emails() -> set[str]:
            found = []
            for query in queries * 3:  # the last answers are those that were stored
                data = (await graph.ask(query))["data"]
                found += [one["owner"]["email"] for one in data.get("page", data)["found"]]
            assert len(found) == 6
            return set(found)

        assert await emails() == {"first@example.com"}
        call("second@example.com")
        await hang_up()
        assert await emails() == {"second@example.com"}
        file.write_bytes(b'[{"name": "Testy McAdminface"}]')
        await hang_up()
        assert await emails() == {"second@example.com"}
        (refused,) = logged.lines(caplog, "opportunity_graph.rotation")
        assert refused.startswith("not read anew, what was set before stays in force: OWNERS_FILE: the file must be")
    PEOPLE.know([])
