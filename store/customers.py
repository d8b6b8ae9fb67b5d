"""Customers whose names a source's deals do not carry, so that lists can name, order and find by them."""

from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass, fields, replace

from sqlalchemy import Connection, Select, Text, delete, exists, func, select

from store.queries import parameter
from store.sequence import advance, hold, insert_into
from store.tables import CUSTOMERS, DEALS
from store.text import fold, storable
from store.together import ByValues


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer as its source had it at `read_at`, microseconds by our own clock."""

    source: str
    account: str = ""
    source_id: str
    name: str | None
    company_name: str | None
    email: str | None
    read_at: int


_COLUMNS = tuple(CUSTOMERS.c[one.name] for one in fields(Customer))
_ITS_OWN = (CUSTOMERS.c.source == parameter("source", Text()), CUSTOMERS.c.account == parameter("account", Text()))
_FOUND = ByValues(select(*_COLUMNS).where(*_ITS_OWN), CUSTOMERS.c.source_id)


def upsert_customers(connection: Connection, customers: Iterable[Customer]) -> list[str]:
    """Write customers; return the source's own ids of those that are new or have changed.

    What was read before the stored copy is dropped. Of one that has not changed `read_at` moves, and nothing else.
    """
    changed: list[str] = []
    by_account: dict[tuple[str, str], dict[str, Customer]] = {}
    for customer in customers:
        by_account.setdefault((customer.source, customer.account), {})[customer.source_id] = customer
    for (source, account), given in by_account.items():
        stored = find_customers(connection, source, account, given)
        rows = []
        for one in map(_storable, given.values()):
            old = stored.get(one.source_id)
            if old is not None and one.read_at < old.read_at:
                continue
            if old is None or replace(old, read_at=one.read_at) != one:
                changed.append(one.source_id)
            folded = None if one.email is None else fold(one.email)
            rows.append(dict(zip(_NAMES, astuple(one), strict=True)) | {"email_folded": folded})
        if rows:
            hold(connection)
            statement = insert_into(connection.dialect.name, CUSTOMERS)
            new = {name: statement.excluded[name] for name in (*_NAMES, "email_folded")}
            newer = statement.excluded.read_at >= CUSTOMERS.c.read_at
            keys = ["source", "account", "source_id"]
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new, where=newer), rows)
    if changed:
        advance(connection)
    return changed


def find_customers(
    connection: Connection, source: str, account: str, source_ids: Collection[str]
) -> dict[str, Customer]:
    """Return those of these customers that are stored, by the source's own id."""
    rows = _FOUND.rows(connection, source_ids, source=source, account=account)
    customers = [Customer(**dict(zip(_NAMES, row, strict=True))) for row in rows]
    return {one.source_id: one for one in customers}


def deals_without_customer(
    connection: Connection, source: str, account: str = "", *, read_before: int = 0, limit: int
) -> list[str]:
    """Return ids of customers that deals mention, and that were never read or not since that time."""
    wanted = _unread(source, account, read_before)
    return list(connection.scalars(wanted.order_by(wanted.selected_columns[0]).limit(limit)))


def count_unread(connection: Connection, source: str, account: str = "") -> int:
    """Return how many customers deals mention that were never read; it looks at an index of all deals."""
    return connection.scalar(select(func.count()).select_from(_unread(source, account, 0).subquery())) or 0


def _unread(source: str, account: str, read_before: int) -> Select[tuple[str]]:
    """Return the statement for these customers. By the index alone, and then for those alone it is looked whether a
    deal of theirs is not gone: five times as quick as to look at each deal."""
    mentioned = DEALS.c.customer_source_id
    known = exists().where(
        CUSTOMERS.c.source == DEALS.c.source,
        CUSTOMERS.c.account == DEALS.c.account,
        CUSTOMERS.c.source_id == mentioned,
        CUSTOMERS.c.read_at >= read_before,
    )
    its_own = (DEALS.c.source == source, DEALS.c.account == account)
    unknown = select(mentioned).distinct().where(*its_own, mentioned.is_not(None), ~known).subquery()
    deals = DEALS.alias()
    is_alive = exists().where(
        deals.c.source == source,
        deals.c.account == account,
        deals.c.customer_source_id == unknown.c.customer_source_id,
        deals.c.deleted_at.is_(None),
    )
    return select(unknown.c.customer_source_id).where(is_alive)


def purge_customers(connection: Connection) -> int:
    """Forget customers that no deal mentions any more; return how many that were."""
    hold(connection)
    mentioned = exists().where(
        DEALS.c.source == CUSTOMERS.c.source,
        DEALS.c.account == CUSTOMERS.c.account,
        DEALS.c.customer_source_id == CUSTOMERS.c.source_id,
    )
    return connection.execute(delete(CUSTOMERS).where(~mentioned)).rowcount


_NAMES = tuple(one.name for one in fields(Customer))


def _storable(customer: Customer) -> Customer:
    name, company_name, email = (
        text and storable(text) for text in (customer.name, customer.company_name, customer.email)
    )
    return replace(customer, name=name, company_name=company_name, email=email)
