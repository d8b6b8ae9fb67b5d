"""`resolvers.chartmogul.customer`: one customer by its uuid, on the way that opportunities take."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from httpclient.client import open_session
from resolvers.chartmogul import CHARTMOGUL
from resolvers.chartmogul.client import ChartMogulClient
from resolvers.chartmogul.customer import ChartMogulCustomer, canonical_id
from resolvers.errors import AnotherRecord, UpstreamBadResponse, UpstreamUnavailable
from resolvers.resilience.concurrency_limiter import ConcurrencyLimiter
from resolvers.resilience.rate_limiter import RateLimiter
from resolvers.resilience.transport import Transport, TransportSettings
from resolvers.settings import read
from simulator import FAULTS, Simulator, faults
from simulator.people import ADA_CUSTOMER
from tests import loops
from tests.listings import background

LOOPS = loops.WITH_ITS_OWN_TIME


@pytest.fixture
def simulator() -> Simulator:
    return Simulator()


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[ChartMogulClient]:
    async with simulator.serve() as urls, open_session() as session:
        transport = Transport(
            CHARTMOGUL.name,
            session,
            TransportSettings(),
            lambda event: None,
            concurrency_limiter=ConcurrencyLimiter(2),
            rate_limiter=RateLimiter(CHARTMOGUL.name, ()),
        )
        client = CHARTMOGUL.open(read(CHARTMOGUL.settings, simulator.environment(urls)), transport)
        assert isinstance(client, ChartMogulClient)
        yield client


async def one(client: ChartMogulClient, uuid: str = ADA_CUSTOMER) -> Any:
    assert client.fetch_customer
    return await client.fetch_customer(uuid, background(5))


async def test_a_customer_has_a_name_a_company_and_an_address(client: ChartMogulClient) -> None:
    assert await one(client) == ChartMogulCustomer(
        uuid=ADA_CUSTOMER,
        name="Example Widgets Ltd",
        company="Example Widgets Ltd",
        email="ada.examplesson@example.com",
    )
    assert (await one(client)).unknown_codes() == []


async def test_a_missing_customer_is_none(client: ChartMogulClient) -> None:
    assert await one(client, "cus_00000000-0000-4000-8000-000000000000") is None


async def test_another_customer_and_a_failure_are_errors(client: ChartMogulClient, simulator: Simulator) -> None:
    simulator.chartmogul.faults.add(faults.mutate(lambda row: {**row, "uuid": "cus_other"}))
    assert isinstance(await one(client), AnotherRecord)
    simulator.chartmogul.faults.add(FAULTS["list"])
    assert isinstance(await one(client), UpstreamBadResponse)
    simulator.chartmogul.faults.add(FAULTS["503"], times=None)
    assert isinstance(await one(client), UpstreamUnavailable)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (ADA_CUSTOMER.upper(), ADA_CUSTOMER),
        (ADA_CUSTOMER[4:], None),
        ("cus_../../x", None),
        (f"{ADA_CUSTOMER}\n", None),
        ("", None),
    ],
)
def test_what_has_not_the_shape_of_a_customers_id_becomes_no_part_of_a_path(text: str, canonical: str | None) -> None:
    assert canonical_id(text) == canonical
