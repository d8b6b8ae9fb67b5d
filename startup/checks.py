"""What is tried before the server starts, and how its problems are told: a line each, and no traceback."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from uvicorn.config import STARTUP_FAILURE

from configuration import AllSettings
from resolvers.settings import BadSettings
from store.database import StoreUnavailable, check_database, open_database
from store.sole_use import sole_use


class StoreAway(BadSettings):
    """The store cannot be used, but may be in a moment: whoever starts the process again may have better luck."""

    exit_status = STARTUP_FAILURE


def keep_store(settings: AllSettings, kept: ExitStack) -> None:
    """Keep a store in a file to this process until `kept` is closed; raises `BadSettings` where another one has it.

    A server of PostgreSQL is for several, and each process has a store in memory of its own.
    """
    address = settings.store.address
    if address is None or settings.shares_store:
        return
    try:
        kept.enter_context(sole_use(Path(address)))
    except StoreUnavailable as error:
        raise BadSettings([f"STORE_URL: {error}"]) from None


def check_store(settings: AllSettings, *, opens: bool = True) -> None:
    """Open the store once before the server starts; raises `BadSettings`. Later outages only stop lists.

    Without `opens` it is seen whether it could be opened, and nothing is changed.
    """

    async def open_once() -> None:
        async with open_database(settings.store.address, threads=0):
            pass

    if settings.store.store_url is None:
        return
    try:
        if not opens:
            check_database(settings.store.address)
            return
        with ThreadPoolExecutor(1) as pool:  # uvicorn's own command makes the application in a running loop
            pool.submit(asyncio.run, open_once()).result()
    except StoreUnavailable as error:
        problem = StoreAway if error.may_pass else BadSettings
        raise problem([f"STORE_URL: {error}"]) from None


async def try_credentials(settings: AllSettings) -> int:
    """Say what the credentials may do; return the exit status."""
    from startup.online_check import check_online  # a server never loads it

    status = 0
    async for finding in check_online(settings):
        print(f"{'ok    ' if finding.is_usable else 'FAILED'} {finding.text}", flush=True)
        status |= not finding.is_usable
    return status


def print_problems(error: BadSettings) -> None:
    """Say what is wrong with the settings, a line each."""
    print(*error.problems, sep="\n", file=sys.stderr)
