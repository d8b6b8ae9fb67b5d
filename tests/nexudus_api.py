"""A client of the simulated Nexudus."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from yarl import URL

from simulator import Simulator

CRM = "/api/crm/crmopportunities"
WAIT = "You must wait before accessing this url again."


@dataclass
class Answer:
    status: int
    reason: str | None
    headers: Any
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text, parse_float=Decimal)


@dataclass
class Client:
    session: aiohttp.ClientSession
    base: str
    token: str = ""

    async def call(self, method: str, path: str, *, encoded: bool = False, **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        url = URL(self.base + path, encoded=encoded)
        async with self.session.request(method, url, headers=headers, **options) as response:
            return Answer(response.status, response.reason, response.headers, await response.text())

    async def get(self, path: str, **params: Any) -> Answer:
        return await self.call("GET", path, params=params)

    async def log_in(self, **headers: str) -> Any:
        form = {"grant_type": "password", "username": "gateway@example.com", "password": "simulated-password-3f9c"}
        answer = await self.call("POST", "/api/token", data=form, headers=headers)
        assert answer.status == 200
        self.token = answer.data["access_token"]
        return answer.data

    async def refresh(self, refresh_token: str, **headers: str) -> Answer:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.call("POST", "/api/token", data=form, headers=headers)


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    async with simulator.serve() as urls, aiohttp.ClientSession() as session:
        client = Client(session, urls.nexudus)
        await client.log_in()
        yield client


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["Id"] for row in rows]
