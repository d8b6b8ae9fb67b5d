"""A table of exchange rates that an operator gives as a file: amounts are converted only if somebody says at what rate.

    {"date": "2026-11-02", "base": "EUR", "rates": {"USD": "1.0842", "GBP": "0.8391"}}

A rate says how much of a currency one unit of the base is worth.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path

import msgspec

from json_names import DoubledName, check_names
from resolvers.settings import read_text
from store.amounts import unscaled

_PRECISE = Context(prec=60, rounding=ROUND_HALF_EVEN)
_CODE = re.compile("[A-Z]{3}")
# So a product of any sum with a rate is exact in as many digits as are computed with, and so is its millionth.
_LEAST, _MOST = Decimal("1e-12"), Decimal("1e12")
_DIGITS = 30


class BadRates(ValueError):
    """The file is no table of rates; the text says why."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    date: date
    base: str
    rates: dict[str, Decimal]


@dataclass(slots=True)
class ExchangeRates:
    """How much of each currency one unit of the base was worth on a day; `version` tells tables in one place apart."""

    date: date
    rates: Mapping[str, Decimal]
    version: int = field(default=0, compare=False)

    def read_anew(self, path: Path) -> bool:
        """Take what a file has by now; return whether it has changed. Raises `BadRates`, and is then what it was."""
        found = read_rates(path)
        if found == self:
            return False
        self.date, self.rates, self.version = found.date, found.rates, self.version + 1
        return True

    def convert(self, amount: Decimal, currency: str, to: str) -> Decimal | None:
        """Return an amount in another currency, rounded half to even to its millionth, without zeros at its end; None
        without a rate for both."""
        rate, wanted = self.rates.get(currency), self.rates.get(to)
        if rate is None or wanted is None:
            return None
        converted = _PRECISE.divide(_PRECISE.multiply(amount, wanted), rate)
        return unscaled(int(converted.scaleb(6, _PRECISE).to_integral_value(ROUND_HALF_EVEN)))


def read_rates(path: Path) -> ExchangeRates:
    """Return the table of a file; raises `BadRates`."""
    try:
        text = read_text(str(path))
    except ValueError as error:
        raise BadRates(f"the file {error}") from None
    try:
        found = msgspec.json.decode(text, type=_File)
        check_names(text.encode())
    except DoubledName as error:
        raise BadRates(f"{str(error)[:20]!r} is given twice") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise BadRates(f"the file is no table of rates: {error}") from None
    rates = {found.base: Decimal(1), **found.rates}
    if bad := [code for code in rates if not _CODE.fullmatch(code)]:
        raise BadRates(f"{bad[0][:20]!r} must be an ISO 4217 code, such as USD")
    for code, rate in rates.items():
        if not rate.is_finite() or rate <= 0:
            raise BadRates(f"the rate of {code} must be above 0")
        if not _LEAST <= rate <= _MOST or len(rate.as_tuple().digits) > _DIGITS:
            raise BadRates(f"the rate of {code} must be from {_LEAST} to {_MOST}, with at most {_DIGITS} digits")
    if rates[found.base] != 1:
        raise BadRates(f"the rate of the base, {found.base}, must be 1, or left out")
    return ExchangeRates(found.date, rates)
