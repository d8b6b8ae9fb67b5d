"""Customers whose names deals do not carry: `store.customers`."""

from dataclasses import replace

from sqlalchemy import Connection, select

from store.customers import (
    Customer,
    count_unread,
    deals_without_customer,
    find_customers,
    purge_customers,
    upsert_customers,
)
from store.deals import Evidence, delete, purge, upsert
from store.tables import CUSTOMERS
from tests.stores import current, deal, key

ADA = Customer(
    source="chartmogul", source_id="cus_1", name="Ada", company_name="Würfel", email="Ada@Example.COM", read_at=5
)


def found(connection: Connection) -> Customer | None:
    return find_customers(connection, "chartmogul", "", ["cus_1"]).get("cus_1")


def test_a_customer_is_found_as_it_was_written(connection: Connection) -> None:
    assert upsert_customers(connection, [ADA, replace(ADA, account="eu", name=None, email=None)]) == ["cus_1", "cus_1"]
    assert found(connection) == ADA
    assert find_customers(connection, "chartmogul", "eu", ["cus_1"])["cus_1"].email is None
    assert connection.scalar(select(CUSTOMERS.c.email_folded).where(CUSTOMERS.c.account == "")) == "ada@example.com"


def test_of_a_customer_that_is_unchanged_only_the_time_moves(connection: Connection) -> None:
    upsert_customers(connection, [ADA])
    with connection.begin_nested():
        assert upsert_customers(connection, [replace(ADA, read_at=9)]) == []
    assert (found(connection), current(connection)) == (replace(ADA, read_at=9), 1)


def test_a_customer_that_has_changed_takes_the_next_number(connection: Connection) -> None:
    upsert_customers(connection, [ADA])
    with connection.begin_nested():
        assert upsert_customers(connection, [replace(ADA, name="Eva", read_at=9)]) == ["cus_1"]
    assert current(connection) == 2


def test_an_older_copy_overwrites_nothing(connection: Connection) -> None:
    upsert_customers(connection, [ADA])
    assert upsert_customers(connection, [replace(ADA, name="Old", read_at=4)]) == []
    assert found(connection) == ADA


def test_text_that_a_database_refuses_spoils_nothing(connection: Connection) -> None:
    odd = replace(ADA, name="A\0\ud800")
    upsert_customers(connection, [odd])
    assert upsert_customers(connection, [odd]) == []
    assert found(connection) == replace(ADA, name="A\ufffd\ufffd")


def test_customers_are_wanted_that_deals_mention_and_nobody_has_read(connection: Connection) -> None:
    mentioned = [deal(n, source="chartmogul", customer_source_id=f"cus_{n}") for n in (1, 2, 3, 4)]
    upsert(connection, [*mentioned, deal(5, source="chartmogul"), deal(6, customer_source_id="7")])
    delete(connection, [key("chartmogul:4")], evidence=Evidence.AUDIT, at=9)
    upsert_customers(connection, [ADA])
    assert deals_without_customer(connection, "chartmogul", limit=9) == ["cus_2", "cus_3"]
    assert deals_without_customer(connection, "chartmogul", limit=1) == ["cus_2"]
    assert deals_without_customer(connection, "chartmogul", read_before=5, limit=9) == ["cus_2", "cus_3"]
    assert deals_without_customer(connection, "chartmogul", read_before=6, limit=9) == ["cus_1", "cus_2", "cus_3"]
    upsert(connection, [deal(7, source="chartmogul", customer_source_id="cus_2")])
    assert count_unread(connection, "chartmogul") == 2
    assert count_unread(connection, "chartmogul", "eu") == 0


def test_a_customer_goes_with_its_last_deal(connection: Connection) -> None:
    upsert(connection, [deal(1, source="chartmogul", customer_source_id="cus_1")])
    upsert_customers(connection, [ADA])
    assert purge_customers(connection) == 0
    delete(connection, [key("chartmogul:1")], evidence=Evidence.AUDIT, at=9)
    purge(connection, deleted_before=10)
    assert (purge_customers(connection), found(connection)) == (1, None)
