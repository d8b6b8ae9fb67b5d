"""The brake on deletions: those of an hour are judged together, whatever shows that deals are gone.

Else a great deletion would pass page by page, or run by run, and a list that loses a few deals at each reading would
empty the store. The hour's count is of the store's own deals: all processes have it, also after a restart.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Final

from sqlalchemy import Connection

from store.deals import Evidence, count_alive, delete, deletions_since, find_alive
from store.sequence import hold
from sync.job import SECOND, Parts

BRAKE_SECONDS: Final = 3_600.0
"""Deletions count together for so long."""


def holds_back(parts: Parts, connection: Connection, deletions: int) -> bool:
    """Return whether so many deletions, with those of the last hour, are too many to be believed.

    Their share is of the deals that there were before. The brake itself never lets more go within an hour: where more
    has gone, the operator has allowed it, and the count begins anew behind that.
    """
    if not deletions:
        return False
    settings, key = parts.settings, parts.account.key
    earlier = deletions_since(connection, *key, since=parts.now() - int(BRAKE_SECONDS * SECOND))
    counted, deals = 0, count_alive(connection, *key) + sum(earlier)
    for one in earlier:
        counted += one
        if settings.holds_back(counted, deals):
            counted, deals = 0, deals - counted
    return settings.holds_back(counted + deletions, deals)


def delete_believed(
    parts: Parts, connection: Connection, gone: Mapping[bytes, int], *, evidence: Evidence
) -> int | None:
    """Delete deals, each with the time at which it was seen to be gone, unless the brake holds them back.

    Return how many were still there; None if they are too many to be believed, and then none is deleted.
    """
    hold(connection)  # what another process is about to delete counts, too, and once
    read_at = find_alive(connection, gone)
    gone = {key: at for key, at in gone.items() if key in read_at and read_at[key] <= at}
    if holds_back(parts, connection, len(gone)):
        return None
    deleted = 0
    for at, keys in groupby(sorted(gone, key=gone.__getitem__), gone.__getitem__):
        deleted += delete(connection, list(keys), evidence=evidence, at=at)
    return deleted
