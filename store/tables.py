"""The tables, the same in SQLite and PostgreSQL.

A deal is one opportunity of one account of one source. `id` is made of these three (`store/deal_ids.py`); it is unique,
never changes, and is the last key of every order. Text that is compared or
ordered is stored a second time, casefolded (`folded`), and compared by bytes on both databases. Amounts are whole
millionths of a currency's major unit, times whole microseconds since 1970 in UTC, dates whole days since 1970: whole
numbers are exact and ordered alike on both.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex

MONEY_SCALE: Final = 1_000_000
"""Parts of a currency's major unit that an amount counts. What is not a whole number of them, or does not fit into
64 bits, is not stored as an amount (`value_is_inexact`)."""

METADATA: Final = MetaData()

# Compared by bytes: PostgreSQL would order by the locale of the machine.
Text = String().with_variant(String(collation="C"), "postgresql")


@dataclass(frozen=True, slots=True, kw_only=True)
class DealColumns:
    """What lists filter, order, search and group by: one value for each column, None where nothing is recorded.

    `*_folded` are made by `store.text.fold`. Names of sources' own columns are the vendors'.
    """

    status: str | None = None  # open, won, lost
    value: int | None = None  # millionths
    value_is_inexact: bool = False  # there is an amount that no whole number of millionths is, or that is too large
    currency: str | None = None
    kind: str | None = None  # of the amount: recurring, one-time, arr; None where the source does not say
    win_likelihood: int | None = None  # percent
    forecast_category: str | None = None
    pipeline_name: str | None = None
    pipeline_folded: str | None = None
    stage_name: str | None = None
    stage_folded: str | None = None
    owner_name: str | None = None
    owner_email: str | None = None
    owner_folded: str | None = None  # the email address, else the name
    customer_source_id: str | None = None
    customer_name: str | None = None
    customer_name_folded: str | None = None
    customer_company: str | None = None
    customer_company_folded: str | None = None
    customer_email: str | None = None
    customer_email_folded: str | None = None
    name: str | None = None
    name_folded: str | None = None
    business_name: str | None = None
    opportunity_type: str | None = None
    lead_source: int | None = None
    loss_reason: int | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_content: str | None = None
    utm_term: str | None = None
    system_id: str | None = None
    created_at: int | None = None  # microseconds
    updated_at: int | None = None
    due_at: int | None = None
    won_at: int | None = None
    lost_at: int | None = None
    close_on: int | None = None  # days
    search_public: str | None = None  # company, pipeline and stage names, folded
    search_personal: str | None = None  # names and email addresses of people, and the deal's own name, folded


def _column(name: str, type_: Any) -> Column[Any]:
    if name == "value_is_inexact":
        return Column(name, SmallInteger, nullable=False, server_default="0")
    return Column(name, BigInteger if "int" in str(type_) else Text)


NAMED: Final = ("pipeline_name", "stage_name", "owner_name", "owner_email")
"""What nobody filters or orders by, and each deal's group has: a row of `deals` does not repeat it."""

NUMBERED: Final = {"pipeline_folded": "pipeline_number", "owner_folded": "owner_number"}
"""Columns whose texts `NAMES` has, and those with their numbers, which the indexes of the usual orders have instead."""

DEALS: Final = Table(
    "deals",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("source", Text, nullable=False),
    Column("account", Text, nullable=False, server_default=""),
    Column("source_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the record as resolvers encode it
    Column("hash", LargeBinary, nullable=False),  # of body, columns, attributes; an upsert of the same writes nothing
    Column("sequence", BigInteger, nullable=False),  # of the transaction that last changed it
    Column("read_at", BigInteger, nullable=False),  # when this body was read from its source, or found there by its id
    Column("is_whole", SmallInteger, nullable=False),  # 0: a list has left fields out, or what it has cannot be read
    # Complete sweeps in a row that did not have it; -1 if requests for it have found it since (`FOUND_BY_ID`).
    Column("misses", Integer, nullable=False, server_default="0"),
    Column("deleted_at", BigInteger),
    Column("evidence", Text),  # of its deletion: audit, not_found, sweeps
    *(_column(field.name, field.type) for field in fields(DealColumns) if field.name not in NAMED),
    Column("group_id", BigInteger),  # of `deal_groups`
    Column("customer_names_id", BigInteger),  # of `customer_names`; each deal has both (`store/groups.py`)
    *(Column(number, BigInteger) for number in NUMBERED.values()),  # of `names`, None where there is no text
)

ROW: Final = (
    *DEALS.c.keys()[: DEALS.c.keys().index("status")],
    *(field.name for field in fields(DealColumns)),
    *("group_id", "customer_names_id", *NUMBERED.values()),
)
"""What a deal is written with, in this order: the columns of `deals`, and what only its group keeps."""

ALIVE: Final = DEALS.c.deleted_at.is_(None)

ORDERABLE: Final = (
    "created_at",
    "updated_at",
    "value",
    "status",
    "pipeline_folded",
    "stage_folded",
    "owner_folded",
    "customer_name_folded",
    "customer_company_folded",
    "customer_email_folded",
    "name_folded",
    "win_likelihood",
    "close_on",
    "due_at",
    "won_at",
    "lost_at",
)
"""Columns that lists may be ordered by; each has an index with `id` behind it, over deals that are not deleted."""

WALKED: Final = ("status", "pipeline_folded", "owner_folded", "currency", "value")
"""Columns that lists are most often filtered by. The indexes of the usual orders have them behind `id`, so that deals
which a filter leaves out are passed over without a look at their rows."""

USUAL: Final = ("created_at", "updated_at", "value", "close_on")
"""The usual orders."""


def held(ordered: str) -> frozenset[str]:
    """Return the columns, besides `id`, that the index of an order has."""
    return frozenset({ordered, *WALKED} if ordered in USUAL else {ordered})


LIKELIHOOD: Final = "win_likelihood"

CELL: Final = ("currency", "kind", LIKELIHOOD)
"""What every summary keeps apart."""

GROUPED: Final = (
    *(*CELL, "status", "source", "account", "pipeline_folded", "pipeline_name", "stage_folded", "stage_name"),
    *("owner_folded", "owner_name", "owner_email", "business_name", "forecast_category"),
)
"""What many deals have in common, and totals are most often by: all of it is a deal's group (`DEAL_GROUPS`)."""

CUSTOMER_NAMED: Final = ("customer_company_folded", "customer_company", "customer_name_folded", "customer_name")
"""What a customer is called (`CUSTOMER_NAMES`)."""

SUMMED: Final = (
    *("group_id", "deleted_at", "created_at", "close_on", "value", "lead_source", "customer_names_id", "loss_reason"),
    *("updated_at", "won_at", "lost_at", "opportunity_type", "utm_campaign", "id"),
)
"""What summaries, counts, filters that find few deals, and orders without an index of their own read of deals, beside
their groups: a narrow index of numbers, nearly all, that has the deals of a group together.

Within a group those that are gone come behind, so that nobody looks at them, and others are in the order of months.
"""

UNSUMMED: Final = ("opportunity_type", "utm_campaign", "id")
"""What of it is no number, and PostgreSQL's index is without."""

SEARCHED: Final = ("search_public", "search_personal", "group_id", "deleted_at", "value")
"""What a search reads, and its totals, beside groups."""


@compiles(CreateIndex, "postgresql")
def _in_postgresql(create: CreateIndex, compiler: Any, **options: Any) -> str:
    # A partial index has the same condition on both databases. To name PostgreSQL's option where an index is declared
    # would load its dialect, which takes 2.5 MB, for who has no such database too.
    known = create.element.kwargs
    if "sqlite_where" in known:
        known["postgresql_where"] = known["sqlite_where"]
    statement: str = compiler.visit_create_index(create, **options)
    return statement


for _name in ORDERABLE:
    _behind = [DEALS.c[NUMBERED.get(other, other)] for other in WALKED if _name in USUAL and other != _name]
    Index(f"deals_by_{_name}", DEALS.c[_name], DEALS.c.id, *_behind, sqlite_where=ALIVE)
_known = DEALS.c.system_id.is_not(None)
_columns = (DEALS.c.source, DEALS.c.account, DEALS.c.system_id)
Index("deals_by_system_id", *_columns, sqlite_where=_known)
Index("deals_by_customer_id", DEALS.c.source, DEALS.c.account, DEALS.c.customer_source_id)
# Of SQLite, which reads an index alone if it holds all that is asked, the index's own condition included. PostgreSQL's
# indexes take no long text.
Index("deals_searched", *(DEALS.c[name] for name in SEARCHED), sqlite_where=ALIVE).ddl_if(dialect="sqlite")
# With deals that are gone: what they name is not forgotten before they are.
Index("deals_grouped", *(DEALS.c[name] for name in SUMMED)).ddl_if(dialect="sqlite")
Index("deals_grouped", *(DEALS.c[name] for name in SUMMED if name not in UNSUMMED)).ddl_if(dialect="postgresql")
# Of PostgreSQL, which takes three times as long as SQLite to sort all deals by what no index has.
Index("deals_by_currency", DEALS.c.currency, DEALS.c.id, sqlite_where=ALIVE).ddl_if(dialect="postgresql")
Index("deals_by_sequence", DEALS.c.sequence)


def _numbered(name: str, columns: tuple[str, ...]) -> Table:
    number = BigInteger().with_variant(Integer, "sqlite")  # there it is the table's own key
    return Table(
        name,
        METADATA,
        Column("id", number, primary_key=True, autoincrement=False),
        Column("key", Text, nullable=False, unique=True),  # a digest of the others, if there are any
        *(Column(one, Text if one in NAMED else DEALS.c[one].type) for one in columns),
    )


DEAL_GROUPS: Final = _numbered("deal_groups", GROUPED)
"""What many deals have in common, once for all of them, by a number: numbers are quicker to group by than names."""

CUSTOMER_NAMES: Final = _numbered("customer_names", CUSTOMER_NAMED)
"""What customers are called, of both sources, likewise."""

NAMES: Final = _numbered("names", ())
"""Folded names of pipelines and of owners, each once, by a number: `key` is the text itself."""

DEAL_ATTRIBUTES: Final = Table(
    "deal_attributes",
    METADATA,
    Column("deal_id", LargeBinary, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("text", Text),  # of a string
    Column("text_folded", Text),
    Column("number", BigInteger),  # of a number: millionths, as amounts
    Column("boolean", SmallInteger),  # of a boolean
    ForeignKeyConstraint(["deal_id"], ["deals.id"], ondelete="CASCADE"),
    sqlite_with_rowid=False,  # else each key would stand in the table and in an index
)
"""Custom attributes of deals, by key."""

_by_key = (DEAL_ATTRIBUTES.c.key, DEAL_ATTRIBUTES.c.text_folded)
_other_parts = (DEAL_ATTRIBUTES.c.number, DEAL_ATTRIBUTES.c.boolean)  # so that all deals with one are found by it alone
Index("deal_attributes_by_key", *_by_key, *_other_parts).ddl_if(dialect="sqlite")
Index("deal_attributes_by_key", *_by_key).ddl_if(dialect="postgresql")

CUSTOMERS: Final = Table(
    "customers",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("account", Text, primary_key=True, server_default=""),
    Column("source_id", Text, primary_key=True),
    Column("name", Text),
    Column("company_name", Text),
    Column("email", Text),
    Column("email_folded", Text),
    Column("read_at", BigInteger, nullable=False),
)
"""Customers whose names a source's deals do not carry (ChartMogul)."""

Index("customers_by_email", CUSTOMERS.c.email_folded)

STAGES: Final = Table(
    "stages",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("account", Text, primary_key=True, server_default=""),
    Column("stage_id", Text, primary_key=True),
    Column("name", Text),
    Column("pipeline_id", Text, nullable=False),
    Column("pipeline_name", Text),
    Column("position", BigInteger),  # the stages of one pipeline come in this order
    sqlite_with_rowid=False,
)
"""Stages as their sources list them, those without a deal too."""

SEQUENCE: Final = Table(
    "sequence", METADATA, Column("one", SmallInteger, primary_key=True), Column("value", BigInteger, nullable=False)
)
"""One row: the number of the last transaction that changed deals, customers or stages."""

SYNC_STATE: Final = Table(
    "sync_state",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("account", Text, primary_key=True, server_default=""),
    Column("sweep", BigInteger),  # the number of the sweep under way, None where there is none
    Column("sweep_position", Text),  # the next page of it
    Column("sweep_started_at", BigInteger),
    Column("sweep_rows", BigInteger, nullable=False, server_default="0"),
    Column("sweep_total", BigInteger),  # the vendor's own total, where it tells one
    Column("last_sweep_started_at", BigInteger),  # of the last complete one: deals are at least as new as this
    Column("last_sweep_at", BigInteger),  # when it ended
    Column("last_sweep_rows", BigInteger),
    Column("drift", BigInteger),  # rows in the store less the vendor's total, after the last complete sweep
    Column("changes_until", BigInteger),  # watermark of increments: the start of the last good one
    Column("deletions_until", BigInteger),
    Column("logged_since", BigInteger),  # when its first sweep was complete: from then on changes are logged
    Column("derivation", Text),  # what made the columns of its deals (`schema/deals/derivation.py`), empty: several
    Column("sweep_derivation", Text),  # the same of those that the sweep under way has read
)

SWEPT: Final = Table(
    "swept",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("account", Text, primary_key=True, server_default=""),
    Column("deal_id", LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
"""Deals that the sweep under way has seen; emptied when it ends."""

SYNC_RUNS: Final = Table(
    "sync_runs",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("account", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False),  # sweep, increment, deletions, customers, stages
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("state", Text, nullable=False),  # running, complete, failed, interrupted
    Column("error_code", Text),
    Column("requests", Integer, nullable=False, server_default="0"),
    Column("rows", Integer, nullable=False, server_default="0"),
    Column("changed", Integer, nullable=False, server_default="0"),
    Column("deleted", Integer, nullable=False, server_default="0"),
)
"""What each run did; the last few hundred of a source are kept."""

Index("sync_runs_by_source", SYNC_RUNS.c.source, SYNC_RUNS.c.account, SYNC_RUNS.c.number)

CHANGES: Final = Table(
    "changes",
    METADATA,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("account", Text, nullable=False, server_default=""),
    Column("source_id", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),  # of store.changes.Kind
    Column("origin", SmallInteger, nullable=False),  # of store.changes.Origin
    Column("observed_at", BigInteger, nullable=False),
    Column("fields", Integer, nullable=False),  # which changed: bits, by the numbers of store.changes.Field
    Column("status", Text),  # the deal's new one, where that changed
    Column("held", LargeBinary),  # what these fields had before and have since; None once that was erased
)
"""What changed of deals, as it was seen: what no sweep can bring back. Positions are 1, 2, 3 … in the order of
commits."""

CHANGE_LOG: Final = Table(
    "change_log",
    METADATA,
    Column("one", SmallInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),  # the position of the last change
    Column("dropped", BigInteger, nullable=False, server_default="0"),  # that of the last one that is told no more
)
"""One row, or none before the first change."""
