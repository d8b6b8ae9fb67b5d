"""`store.customer_deals`: deals of several customers by one statement, matched by id, email address or link."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, event

from store.conditions import Compare, Operator
from store.customer_deals import CustomerKey, Link, counts_of, linked, pages_of
from store.deals import upsert
from store.pages import OrderKey, PageRequest, page
from store.paging import by_attribute
from tests.stores import deal, key

SYSTEM_ID = Link(bearer="nexudus", of="chartmogul")
ATTRIBUTE = Link(bearer="chartmogul", of="nexudus", attribute="coworker")


def of(source: str, source_id: str, email: str | None = None) -> CustomerKey:
    return CustomerKey(source=source, source_id=source_id, email=email)


def put(connection: Connection, *deals: dict[str, Any]) -> None:
    for one in deals:
        email = one.get("customer_email_folded")
        one.setdefault("customer_email", email)
    upsert(connection, [deal(**one) for one in deals])


def nexudus(number: int, customer: str | None, **more: Any) -> dict[str, Any]:
    return {"source_id": str(number), "customer_source_id": customer, **more}


def chartmogul(number: int, customer: str, **more: Any) -> dict[str, Any]:
    return {"source": "chartmogul", "source_id": f"u{number}", "customer_source_id": customer, **more}


def ids(connection: Connection, *customers: CustomerKey, links: Any = (), **more: Any) -> list[list[str]]:
    request = PageRequest(None, (), 10, **more)
    return [[row.id for row in one.rows] for one in pages_of(connection, customers, request, links)]


def test_a_customers_deals_are_those_with_its_id_in_the_same_source(connection: Connection) -> None:
    put(connection, nexudus(1, "7"), nexudus(2, "7"), nexudus(3, "8"), nexudus(4, None), chartmogul(1, "7"))
    assert ids(connection, of("nexudus", "7"), of("nexudus", "9"), of("chartmogul", "7")) == [
        [key("nexudus:1"), key("nexudus:2")],
        [],
        [key("chartmogul:u1")],
    ]


def test_an_email_address_joins_both_sources_without_case_and_a_missing_one_joins_nothing(
    connection: Connection,
) -> None:
    address = {"customer_email_folded": "ada@example.com"}
    put(connection, nexudus(1, "7", **address), chartmogul(1, "c", **address), chartmogul(2, "d"), nexudus(2, "8"))
    found = ids(connection, of("nexudus", "7", "Ada@Example.com"), of("nexudus", "8", None), of("nexudus", "8", ""))
    assert found == [[key("chartmogul:u1"), key("nexudus:1")], [key("nexudus:2")], [key("nexudus:2")]]


@pytest.mark.parametrize("value", ["7", 7], ids=["text", "number"])
def test_an_attribute_links_customers_both_ways(connection: Connection, value: Any) -> None:
    from decimal import Decimal

    worth = Decimal(value) if isinstance(value, int) else value
    put(
        connection,
        nexudus(1, "7"),
        nexudus(2, "8"),
        chartmogul(1, "c", attributes={"coworker": worth}),
        chartmogul(2, "c"),
        chartmogul(3, "d", attributes={"other": worth}),
    )
    expected = [key("chartmogul:u1"), key("chartmogul:u2"), key("nexudus:1")]
    asked = (of("nexudus", "7"), of("chartmogul", "c"), of("nexudus", "8"), of("chartmogul", "d"))
    assert ids(connection, *asked, links=[ATTRIBUTE]) == [
        expected,
        expected,
        [key("nexudus:2")],
        [key("chartmogul:u3")],
    ]
    assert linked(connection, asked, [ATTRIBUTE]) == [True, True, False, False]
    assert linked(connection, asked, []) == [False] * 4


@pytest.mark.parametrize("value", [Decimal("7.5"), Decimal("-7.5")])
def test_an_attribute_that_is_no_whole_number_is_nobodys_id(connection: Connection, value: Decimal) -> None:
    put(connection, nexudus(1, "7"), nexudus(2, "-7"), chartmogul(1, "c", attributes={"coworker": value}))
    asked = [of("chartmogul", "c"), of("nexudus", "7"), of("nexudus", "-7")]
    own = [[key("chartmogul:u1")], [key("nexudus:1")], [key("nexudus:2")]]
    assert ids(connection, *asked, links=[ATTRIBUTE]) == own


def test_an_attribute_links_a_customer_whose_id_can_be_no_number(connection: Connection) -> None:
    """PostgreSQL takes a column without any value for text, unless it is told otherwise."""
    put(connection, nexudus(1, "7"), chartmogul(1, "c", attributes={"coworker": "7"}), chartmogul(2, "c"))
    expected = [key("chartmogul:u1"), key("chartmogul:u2"), key("nexudus:1")]
    assert ids(connection, of("chartmogul", "c"), links=[ATTRIBUTE]) == [expected]


def test_a_link_leads_from_customers_to_deals_and_not_through_all_deals(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":  # PostgreSQL knows how many there are
        return
    asked: list[tuple[str, Any]] = []
    event.listen(connection, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
    ids(connection, of("chartmogul", "c"), of("nexudus", "7"), links=[ATTRIBUTE])
    ((statement, parameters),) = asked
    plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert any("deals_by_customer_id" in line for line in plan)
    assert not any(line == "SCAN deals" or line.endswith("(source=?)") for line in plan)


def test_a_system_id_links_customers_both_ways(connection: Connection) -> None:
    put(connection, nexudus(1, "7", system_id="c"), nexudus(2, "7"), chartmogul(1, "c"), chartmogul(2, "d"))
    expected = [key("chartmogul:u1"), key("nexudus:1"), key("nexudus:2")]
    asked = (of("nexudus", "7"), of("chartmogul", "c"), of("chartmogul", "d"))
    assert ids(connection, *asked, links=[SYSTEM_ID]) == [expected, expected, [key("chartmogul:u2")]]
    assert linked(connection, asked, [SYSTEM_ID]) == [True, True, False]


def test_pages_are_those_that_each_customer_would_have_alone(connection: Connection) -> None:
    worth: Any = [{"worth": True}, {"worth": "b"}, {}, {"worth": Decimal("1.5")}, {"worth": "a"}]
    values = [None if n % 4 == 0 else n % 5 for n in range(30)]
    put(connection, *[nexudus(n, str(n % 3), value=values[n], attributes=worth[n % 5]) for n in range(30)])
    customers = [of("nexudus", str(n)) for n in range(3)]
    for order in (
        (),
        (OrderKey("value", True),),
        (OrderKey("value", nulls_first=True), OrderKey("created_at")),
        (*by_attribute("worth"), OrderKey("value")),
        by_attribute("worth", is_descending=True, nulls_first=True),
    ):
        alone = [
            page(connection, PageRequest(Compare("customer_source_id", Operator.EQ, str(n)), order, 30)).rows
            for n in range(3)
        ]
        request = PageRequest(None, order, 4)
        first = pages_of(connection, customers, request)
        assert [one.rows for one in first] == [rows[:4] for rows in alone]
        assert all(one.has_next and not one.has_previous for one in first)
        after = PageRequest(None, order, 30, after=alone[1][3].position)
        assert pages_of(connection, customers, after)[1].rows == alone[1][4:]
        last = pages_of(connection, customers, PageRequest(None, order, 4, is_backward=True))
        assert [one.rows for one in last] == [rows[-4:] for rows in alone]
        assert all(one.has_previous and not one.has_next for one in last)
        before = PageRequest(None, order, 30, before=alone[1][-4].position, is_backward=True)
        (found,) = pages_of(connection, customers[1:2], before)
        assert (found.rows, found.has_previous, found.has_next) == (alone[1][:-4], False, True)
        between = PageRequest(None, order, 30, after=alone[1][2].position, before=alone[1][6].position)
        (found,) = pages_of(connection, customers[1:2], between)
        assert (found.rows, found.has_previous, found.has_next) == (alone[1][3:6], True, True)
    numbers = {key(f"nexudus:{n}"): n for n in range(30)}
    assert counts_of(connection, customers, Compare("value", Operator.GTE, 3)) == [
        sum(number % 4 != 0 and number % 5 >= 3 for number in [numbers[row.id] for row in rows]) for rows in alone
    ]


def test_any_number_of_customers_is_one_statement(connection: Connection) -> None:
    put(connection, *[nexudus(n, str(n)) for n in range(50)])
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert len(ids(connection, *[of("nexudus", str(n), f"{n}@x.org") for n in range(50)])) == 50
    assert len([one for one in statements if "deals" in one]) == 1


def test_a_statement_is_built_once_for_all_customers_values_and_positions(connection: Connection) -> None:
    put(connection, *[nexudus(n, str(n % 3), value=n) for n in range(30)])
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *told: statements.append(told[2]))
    order = (OrderKey("value"),)
    for lowest, start, customers, expected in ((3, 9, "01", [[12], [10]]), (20, 24, "210", [[26], [25], [27]])):
        condition = Compare("value", Operator.GTE, lowest)
        request = PageRequest(condition, order, 1, after=(start, key(f"nexudus:{start}")))
        found = pages_of(connection, [of("nexudus", one) for one in customers], request)
        assert [[row.position[0] for row in one.rows] for one in found] == expected
        assert counts_of(connection, [of("nexudus", one) for one in customers], condition) == [
            sum(n % 3 == int(one) for n in range(lowest, 30)) for one in customers
        ]
    assert len(statements) == 4
    assert len(set(statements)) == 2


def test_deleted_deals_are_nobodys(connection: Connection) -> None:
    from store.deals import Evidence, delete

    put(connection, nexudus(1, "7", system_id="c"), chartmogul(1, "c"))
    delete(connection, [key("nexudus:1")], evidence=Evidence.AUDIT, at=2**60)
    assert ids(connection, of("nexudus", "7"), of("chartmogul", "c"), links=[SYSTEM_ID]) == [[], [key("chartmogul:u1")]]
