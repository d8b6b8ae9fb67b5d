"""The right to send one request now: a place, a part of the ration, and the breaker's leave."""

import asyncio

from resolvers.breaker import Breaker, Verdict
from resolvers.budget import Budget
from resolvers.places import Places


class SendPermit:
    """A `Permit`: a place to send one request in, right now."""

    __slots__ = ("_breaker", "_budget", "_has_place", "_places", "is_spent")

    def __init__(self, places: Places, budget: Budget, breaker: Breaker) -> None:
        self._places = places
        self._budget = budget
        self._breaker = breaker
        self._has_place = True
        self.is_spent = False
        """Whether the budget has let it go and still waits to hear that it was sent."""

    def sent(self) -> None:
        """Take note that the request is on its way."""
        if self.is_spent:
            self.is_spent = False
            self._budget.sent()

    def leave_place(self) -> None:
        """Let the next one have the place."""
        self._has_place = False
        self._places.give_back()

    def end(self, verdict: Verdict, *, weight: int = 1) -> None:
        """Leave the place if that has not been done, and tell the breaker."""
        if self.is_spent:
            self.is_spent = False
            self._budget.unspent()
        self._breaker.leave(self, verdict, weight=max(weight, 1))
        if self._has_place:
            self._has_place = False
            # What was broken off: asyncio closes its connection in the next turn. Whoever comes next comes after that.
            asyncio.get_running_loop().call_soon(self._places.give_back)
