import asyncio

import pytest

from simulator import FAULTS
from tests.harness import open_graph
from web.admission import Admission
from web.problems import HTTPProblem


def test_a_place_is_free_again_whatever_became_of_the_request() -> None:
    admission = Admission(1)
    with pytest.raises(KeyError), admission.place():
        raise KeyError
    with admission.place(), pytest.raises(HTTPProblem), admission.place():
        pass
    with admission.place():
        pass


async def test_beyond_the_places_requests_get_503_and_when_to_come_again() -> None:
    async with open_graph(MAX_CONCURRENT_REQUESTS="2", ATTEMPT_TIMEOUT_SECONDS="5") as graph:
        graph.simulator.nexudus.faults.add(FAULTS["hang"], times=None)
        slow = {"query": '{ nexudusOpportunity(sourceId: "1427000501") { status } }'}
        held = [asyncio.create_task(graph.post(slow)) for _ in range(2)]
        await asyncio.sleep(0)  # both have their places
        refused = await graph.post({"query": "{ __typename }"})
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json["errors"][0]["extensions"] == {"code": "SERVER_BUSY", "retryable": True}
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert (await graph.post({"query": "{ __typename }"})).status == 200
