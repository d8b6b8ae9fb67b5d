"""How the copy of all deals stands, account by account."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from metrics.families import Family, Mode, gauge
from store.errors import StoreUnavailable
from sync.status import State, Status

Statuses = Callable[[], Awaitable[Sequence[Status]]]

NEWEST: Final[Mode] = "livemostrecent"
"""All processes read the same store, and it is read when one of them is asked."""


async def copies(read: Statuses | None) -> list[Family]:
    """Return the families; none where deals are not listed."""
    if read is None:
        return []
    try:
        found = await read()
    except StoreUnavailable:
        return [gauge("store_up", "Whether the store can be read", (), {(): 0}, mode=NEWEST)]
    rows = {(one.source,): one.rows for one in found}
    ages = {(one.source,): one.age_seconds for one in found if one.age_seconds is not None}
    drift = {(one.source,): one.drift for one in found if one.drift is not None}
    unread = {(one.source,): one.unread_customers for one in found if one.unread_customers is not None}
    states = {(one.source, state.name.lower()): int(one.state is state) for one in found for state in State}
    problems = {(one.source, str(one.last_error)): 1 for one in found if one.last_error is not None}
    source = ("source",)
    return [
        gauge("store_up", "Whether the store can be read", (), {(): 1}, mode=NEWEST),
        gauge("store_deals", "Deals in the store", source, rows, mode=NEWEST),
        gauge("sync_age_seconds", "Age of what lists are answered from", source, ages, mode=NEWEST),
        gauge("sync_drift", "Deals in the store less the vendor's total", source, drift, mode=NEWEST),
        gauge("sync_unread_customers", "Customers whose names were not read yet", source, unread, mode=NEWEST),
        gauge("sync_state", "1 for the state of an account's copy", ("source", "state"), states, mode=NEWEST),
        gauge("sync_problem", "1 for what is wrong with the last run", ("source", "code"), problems, mode=NEWEST),
    ]
