"""The table of deals that the peers of the benchmark of lists are given, as somebody who picks them would keep it.

One flat table with the names in each row. It has what the pages show and filter by; amounts, times and dates are whole
numbers, which nobody has to convert. `id` is a number, in the order of this server's ids, so that all lists have the
same order: among equal times PostGraphile would lose its place with a key of bytes. Times that each deal has are never
null: with others it compares positions by conditions that no index serves.
"""

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Of all mapped classes."""


Text = String().with_variant(String(collation="C"), "postgresql")
Number = BigInteger().with_variant(Integer, "sqlite")


class DealModel(Base):
    """A deal: amounts are in millionths, times in microseconds and dates in days since 1970."""

    __tablename__ = "deals"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(Text)
    source_id: Mapped[str] = mapped_column(Text)
    pipeline_name: Mapped[str | None] = mapped_column(Text)
    stage_name: Mapped[str | None] = mapped_column(Text)
    owner_name: Mapped[str | None] = mapped_column(Text)
    owner_email: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str | None] = mapped_column(Text)
    value: Mapped[int | None] = mapped_column(Number)
    currency: Mapped[str | None] = mapped_column(Text)
    lead_source: Mapped[int | None]
    created_at: Mapped[int] = mapped_column(Number)
    updated_at: Mapped[int] = mapped_column(Number)
    due_at: Mapped[int | None] = mapped_column(Number)
    close_on: Mapped[int | None]
    deleted_at: Mapped[int | None] = mapped_column(Number)


for _name in ("created_at", "updated_at", "value", "close_on"):
    # Those of this server's usual orders, with names where it has numbers: a row that a filter leaves out is not read.
    _behind = ("status", "pipeline_name", "owner_email", "currency", "value")
    _columns = dict.fromkeys((_name, "id", *_behind))
    _alive = DealModel.deleted_at.is_(None)
    Index(
        f"deals_by_{_name}",
        *(getattr(DealModel, column) for column in _columns),
        sqlite_where=_alive,
        postgresql_where=_alive,
    )
