"""What the status page shows, made of the metrics: so it is right for several workers, as they are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from prometheus_client.metrics_core import Metric

from metrics.counts import OK
from metrics.families import PREFIX
from resolvers.errors import UpstreamRateLimited
from sync.status import State

MOST_FAILURES: Final = 5
"""Of a source, the latest first."""


WORST_FIRST: Final = ("open", "half_open", "closed")
"""States of breakers: workers may differ."""


class Samples:
    """Values of samples by name, without the prefix, and by their labels."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._values: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
        for metric in metrics:
            for sample in metric.samples:
                self._values[sample.name.removeprefix(PREFIX)].append((sample.labels, sample.value))

    def all(self, name: str, **labels: str) -> list[tuple[Mapping[str, str], float]]:
        """Return the samples that have these labels, among others."""
        return [pair for pair in self._values.get(name, ()) if labels.items() <= pair[0].items()]

    def sum(self, name: str, **labels: str) -> int:
        """Return the sum of those samples."""
        return int(sum(value for _, value in self.all(name, **labels)))

    def one(self, name: str, **labels: str) -> float | None:
        """Return the value of the sample, if there is one."""
        found = self.all(name, **labels)
        return found[0][1] if found else None

    def state(self, name: str, order: Iterable[str], **labels: str) -> str | None:
        """Return the first of some states that is the state of any worker; None where it is none of them."""
        found = {one["state"] for one, value in self.all(name, **labels) if value}
        return next((state for state in order if state in found), None)


def overview(metrics: Iterable[Metric], titles: Mapping[str, str], *, now: float) -> dict[str, Any]:
    """Return the data of the page; `titles` are those of the sources, by name, `now` is in seconds since 1970."""
    samples = Samples(metrics)
    operations = samples.all("operations_total")
    hits, misses = (samples.sum("response_cache_total", result=result) for result in ("hit", "miss"))
    refusals: dict[str, int] = defaultdict(int)
    for labels, value in samples.all("refusals_total"):
        refusals[labels["reason"]] += int(value)
    store = samples.one("store_up")
    return {
        "now": now,
        "version": next((labels["version"] for labels, _ in samples.all("build_info")), None),
        "processes": samples.sum("build_info"),
        "connections": samples.sum("connections"),
        "operations": int(sum(value for _, value in operations)),
        "failedOperations": int(sum(value for labels, value in operations if labels["code"] != OK)),
        "compiled": samples.sum("compiled_total"),
        "storedResponses": {"hits": hits, "misses": misses},
        "refusals": dict(sorted(refusals.items())),
        "store": None if store is None else {"isUp": store == 1, "failures": samples.sum("store_failures_total")},
        "sources": [_source(samples, name, title) for name, title in titles.items()],
    }


def _source(samples: Samples, name: str, title: str) -> dict[str, Any]:
    breaker = samples.state("breaker_state", WORST_FIRST, source=name)
    if breaker is None:
        return {"name": name, "title": title, "isConfigured": False}
    rationed = samples.sum("not_sent_total", source=name, code=UpstreamRateLimited.code)
    calls = samples.all("upstream_requests_total", source=name)
    state = samples.state("sync_state", (one.name.lower() for one in State), source=name)
    seconds, attempts = (samples.one(f"upstream_seconds_{part}", source=name) or 0.0 for part in ("sum", "count"))
    return {
        "name": name,
        "title": title,
        "isConfigured": True,
        "breaker": breaker,
        "rations": _rations(samples, name),
        "waiting": samples.sum("ration_waiters", source=name),
        "notAsked": {"ration": rationed, "breaker": samples.sum("not_sent_total", source=name) - rationed},
        "requests": int(sum(value for _, value in calls)),
        "failedRequests": int(sum(value for labels, value in calls if labels["outcome"] != OK)),
        "meanSeconds": seconds / attempts if attempts else None,
        "records": {how: samples.sum("records_total", source=name, how=how) for how in ("asked", "cached", "joined")},
        "stale": samples.sum("stale_records_total", source=name),
        "failures": _failures(samples, name),
        "copy": None if state is None else _copy(samples, name, state),
    }


def _rations(samples: Samples, name: str) -> list[dict[str, Any]]:
    limits = {labels["window_seconds"]: value for labels, value in samples.all("ration_limit", source=name)}
    left = {labels["window_seconds"]: value for labels, value in samples.all("ration_left", source=name)}
    return [
        {"windowSeconds": float(window), "left": int(left.get(window, 0)), "limit": int(limit)}
        for window, limit in sorted(limits.items(), key=lambda pair: float(pair[0]))
    ]


def _failures(samples: Samples, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for labels, moment in samples.all("last_failure_timestamp_seconds", source=name):
        code = labels["code"]
        count = samples.sum("upstream_requests_total", source=name, outcome=code)
        count += samples.sum("failed_fetches_total", source=name, code=code)
        found.append({"code": code, "count": count, "at": moment})
    return sorted(found, key=lambda one: -one["at"])[:MOST_FAILURES]


def _copy(samples: Samples, name: str, state: str) -> dict[str, Any]:
    problem = next((labels["code"] for labels, value in samples.all("sync_problem", source=name) if value), None)
    return {
        "state": state,
        "stateText": State[state.upper()].value,
        "deals": samples.sum("store_deals", source=name),
        "ageSeconds": samples.one("sync_age_seconds", source=name),
        "drift": samples.one("sync_drift", source=name),
        "unreadCustomers": samples.sum("sync_unread_customers", source=name),
        "problem": problem,
    }
