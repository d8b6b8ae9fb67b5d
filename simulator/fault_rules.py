"""Which requests are harmed, how often, and by what."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from .calls import Call
from .replies import Reply
from .wire import Exchange


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to answer badly; made by the functions of `simulator.faults`."""

    name: str
    answer: Callable[[Exchange], Awaitable[Reply | web.StreamResponse]]


@dataclass(slots=True)
class Rule:
    """A fault and the requests it is for. `used` counts the requests it has answered."""

    fault: Fault
    times: int | None = 1
    ids: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    after: int = 0
    seen: int = 0
    used: int = 0

    def takes(self, call: Call) -> bool:
        """Return whether this rule answers the call; if so, one use is gone."""
        if self.kinds is not None and call.kind not in self.kinds:
            return False
        if self.ids is not None and self.ids.isdisjoint(call.ids):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.used >= self.times):
            return False
        self.used += 1
        return True


class FaultRules:
    """The faults of one upstream, tried in the order of their adding."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(
        self,
        fault: Fault,
        times: int | None = 1,
        ids: Iterable[int | str] | None = None,
        kinds: Iterable[str] | None = None,
        after: int = 0,
    ) -> Rule:
        """Harm the next requests that match; the first rule with uses left answers.

        `times` None: always. `ids`: only requests for one of these records (a list by ids matches by any of its ids).
        `kinds`: only these kinds of `Call`. `after`: let so many matching requests through first.
        """
        rule = Rule(
            fault,
            times,
            None if ids is None else frozenset(str(one).lower() for one in ids),
            None if kinds is None else frozenset(kinds),
            after,
        )
        self.rules.append(rule)
        return rule

    def pick(self, call: Call) -> Rule | None:
        """Return the rule that answers this call, if any."""
        return next((rule for rule in self.rules if rule.takes(call)), None)

    def clear(self) -> None:
        """Be well again."""
        self.rules.clear()
