"""Deals as a client sees them, and what a list of them should be by plain Python: the measure of the graph's lists."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from resolvers.nexudus.codes import LeadSource, LossReason
from store.text import fold

SHOWN = """
    id source sourceId status value { amount currencyCode } pipelineName stageName createdAt updatedAt asOf
    owner { name email } customer { sourceId name companyName email }
    ... on NexudusOpportunity {
      name leadSource lossReason dueDate wonOn lostOn systemId opportunityType { name }
      utm { source medium campaign content term }
      boardColumn { board { business { name currency { code } } } }
    }
    ... on ChartMogulOpportunity {
      estimatedCloseDate forecastCategory winLikelihood rawType currencyCode custom { key value }
    }
"""

Shown = dict[str, Any]


def at(*path: str) -> Callable[[Shown], Any]:
    """Return what reads a path of a deal, None where it ends early."""

    def read(deal: Shown) -> Any:
        found: Any = deal
        for name in path:
            found = None if found is None else found.get(name)
        return found

    return read


def first(*reads: Callable[[Shown], Any]) -> Callable[[Shown], Any]:
    return lambda deal: next((value for read in reads if (value := read(deal)) is not None), None)


def moment(*path: str) -> Callable[[Shown], Any]:
    return lambda deal: None if (text := at(*path)(deal)) is None else datetime.fromisoformat(text).astimezone(UTC)


def day(*path: str) -> Callable[[Shown], Any]:
    return lambda deal: None if (text := at(*path)(deal)) is None else date.fromisoformat(text)


def by_code(enum: type[Enum], read: Callable[[Shown], Any]) -> Callable[[Shown], Any]:
    return lambda deal: None if (name := read(deal)) is None else enum[name].value


IDS = {"id": at("id")}
TEXTS = {
    "pipelineName": at("pipelineName"),
    "stageName": at("stageName"),
    "owner": first(at("owner", "email"), at("owner", "name")),
    "customerName": at("customer", "name"),
    "customerCompanyName": at("customer", "companyName"),
    "customerEmail": at("customer", "email"),
    "name": at("name"),
}
KEYWORDS = {
    "sourceId": at("sourceId"),
    "kind": at("rawType"),
    "customerSourceId": at("customer", "sourceId"),
    "businessName": at("boardColumn", "board", "business", "name"),
    "opportunityType": at("opportunityType", "name"),
    "systemId": at("systemId"),
    **{f"utm{name.title()}": at("utm", name) for name in ("source", "medium", "campaign", "content", "term")},
}
CODES = {
    "currencyCode": first(
        at("value", "currencyCode"), at("currencyCode"), at("boardColumn", "board", "business", "currency", "code")
    )
}
ENUMS = {name: at(name) for name in ("source", "status", "leadSource", "lossReason", "forecastCategory")}
MOMENTS = {name: moment(name) for name in ("createdAt", "updatedAt", "asOf", "dueDate", "wonOn", "lostOn")}
DAYS = {"estimatedCloseDate": day("estimatedCloseDate")}
NUMBERS = {"winLikelihood": at("winLikelihood")}


def key(deal: Shown) -> str:
    """Return the last key of every order."""
    return f"{deal['source'].lower()}:{deal['sourceId']}"


ORDERS: dict[str, Callable[[Shown], Any]] = {
    "ID": key,
    "SOURCE": at("source"),
    "SOURCE_ID": key,
    "CURRENCY_CODE": lambda deal: None if (code := CODES["currencyCode"](deal)) is None else code.upper(),
    "CUSTOMER_SOURCE_ID": KEYWORDS["customerSourceId"],
    "KIND": KEYWORDS["kind"],
    "BUSINESS_NAME": KEYWORDS["businessName"],
    "OPPORTUNITY_TYPE": KEYWORDS["opportunityType"],
    **{f"UTM_{name}": KEYWORDS[f"utm{name.title()}"] for name in ("SOURCE", "MEDIUM", "CAMPAIGN", "CONTENT", "TERM")},
    "SYSTEM_ID": KEYWORDS["systemId"],
    "AS_OF": MOMENTS["asOf"],
    "LEAD_SOURCE": by_code(LeadSource, ENUMS["leadSource"]),
    "LOSS_REASON": by_code(LossReason, ENUMS["lossReason"]),
    "FORECAST_CATEGORY": lambda deal: (deal.get("forecastCategory") or "").lower() or None,
    "VALUE": lambda deal: None if deal["value"] is None else Decimal(deal["value"]["amount"]),
    "STATUS": lambda deal: None if deal["status"] is None else deal["status"].lower(),
    "PIPELINE_NAME": TEXTS["pipelineName"],
    "STAGE_NAME": TEXTS["stageName"],
    "OWNER": TEXTS["owner"],
    "CUSTOMER_NAME": TEXTS["customerName"],
    "CUSTOMER_COMPANY_NAME": TEXTS["customerCompanyName"],
    "CUSTOMER_EMAIL": TEXTS["customerEmail"],
    "NAME": TEXTS["name"],
    "CREATED_AT": MOMENTS["createdAt"],
    "UPDATED_AT": MOMENTS["updatedAt"],
    "DUE_DATE": MOMENTS["dueDate"],
    "WON_ON": MOMENTS["wonOn"],
    "LOST_ON": MOMENTS["lostOn"],
    "WIN_LIKELIHOOD": NUMBERS["winLikelihood"],
    "ESTIMATED_CLOSE_DATE": DAYS["estimatedCloseDate"],
}


def folded(value: Any) -> Any:
    return fold(value) if isinstance(value, str) else value


def _compared_by(field: str, value: Any) -> Any:
    as_they_are = {"ID", "SOURCE_ID", "CUSTOMER_SOURCE_ID", "KIND", "BUSINESS_NAME", "OPPORTUNITY_TYPE", "SYSTEM_ID"}
    return value if field in as_they_are or field.startswith("UTM_") else folded(value)


def attribute(name: str) -> Callable[[Shown], Any]:
    """Return what reads a custom attribute as lists are ordered by it: by its kind, then by its value."""

    def read(deal: Shown) -> Any:
        found = next((one["value"] for one in deal.get("custom") or () if one["key"] == name), None)
        if isinstance(found, bool):
            return 0, found
        if isinstance(found, int | float):
            return 1, Decimal(str(found))
        return (2, fold(found)) if isinstance(found, str) else None

    return read


def ordered(deals: Sequence[Shown], order: Sequence[dict[str, str]]) -> list[Shown]:
    """Return the deals in an order as `orderBy` gives it."""
    is_descending = bool(order) and order[-1].get("direction") == "DESC"
    found = sorted(deals, key=key, reverse=is_descending)
    for one in reversed(order):
        read = attribute(one["key"]) if one["field"] == "CUSTOM" else ORDERS[one["field"]]
        nulls = [deal for deal in found if read(deal) is None]
        found = sorted(
            [deal for deal in found if read(deal) is not None],
            key=lambda deal, read=read, one=one: _compared_by(one["field"], read(deal)),  # type: ignore[misc] # mypy knows no default of a lambda
            reverse=one.get("direction") == "DESC",
        )
        found = nulls + found if one.get("nulls") == "FIRST" else found + nulls
    return found


def meets(deal: Shown, given: dict[str, Any]) -> bool:
    """Return whether a deal meets a filter, as JSON."""
    return all(_meets(deal, name, value) for name, value in given.items())


def _meets(deal: Shown, name: str, given: Any) -> bool:
    if name in ("and", "or"):
        return (all if name == "and" else any)(meets(deal, one) for one in given)
    if name == "not":
        return not meets(deal, given)
    if name == "value":
        return _has_money(deal["value"], given)
    if name == "custom":
        return all(_has_attribute(deal, one) for one in given)
    for table, read_operand in (
        (IDS, str),
        (TEXTS, folded),
        (KEYWORDS, str),
        (CODES, str.upper),
        (ENUMS, str),
        (NUMBERS, int),
        (MOMENTS, datetime.fromisoformat),
        (DAYS, date.fromisoformat),
    ):
        if name in table:
            value = table[name](deal)  # type: ignore[operator] # tables of functions
            value = folded(value) if table is TEXTS else value.upper() if table is CODES and value else value
            return _compared(value, given, read_operand)
    raise AssertionError(name)


def _compared(value: Any, given: dict[str, Any], read: Callable[[Any], Any]) -> bool:
    return all(_holds(value, operator, operand, read) for operator, operand in given.items())


def _holds(value: Any, operator: str, operand: Any, read: Callable[[Any], Any]) -> bool:
    if operator == "isNull":
        return (value is None) is operand
    if operator == "notIn":
        return value is None or value not in list(map(read, operand))
    if value is None:
        return False
    if operator == "in":
        return value in list(map(read, operand))
    other = read(operand)
    return bool(
        {
            "eq": lambda: value == other,
            "lt": lambda: value < other,
            "lte": lambda: value <= other,
            "gt": lambda: value > other,
            "gte": lambda: value >= other,
            "contains": lambda: other in value,
            "startsWith": lambda: value.startswith(other),
        }[operator]()
    )


def _has_money(value: Any, given: dict[str, Any]) -> bool:
    amounts = {name: operand for name, operand in given.items() if name not in ("currency", "isNull")}
    if "isNull" in given and (value is None) is not given["isNull"]:
        return False
    if "currency" in given and (value is None or value["currencyCode"].upper() != given["currency"].upper()):
        return False
    return not amounts or _compared(Decimal(value["amount"]), amounts, Decimal)


def _has_attribute(deal: Shown, given: dict[str, Any]) -> bool:
    found = {one["key"]: one["value"] for one in deal.get("custom") or ()}.get(given["key"])
    found = None if isinstance(found, list | dict) else found
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    parts = {
        "text": (folded(found) if isinstance(found, str) else None, folded),
        "number": (Decimal(str(found)) if is_number else None, Decimal),
        "boolean": (found if isinstance(found, bool) else None, bool),
    }
    if "isNull" in given and (found is None) is not given["isNull"]:
        return False
    return all(_compared(value, given[name], read) for name, (value, read) in parts.items() if name in given)
