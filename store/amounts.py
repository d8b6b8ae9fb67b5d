"""Exact decimals as whole millionths in 64 bits, which both databases compare and add without rounding."""

from decimal import Context, Decimal, Inexact, InvalidOperation

from store.tables import MONEY_SCALE

_LARGEST = 2**63 - 1
_EXACT = Context(prec=64, traps=[Inexact, InvalidOperation])


def scaled(number: Decimal) -> int | None:
    """Return the number in millionths; None where it is no whole number of them, or does not fit into 64 bits."""
    try:
        millionths = _EXACT.multiply(number, MONEY_SCALE)
        whole = int(_EXACT.to_integral_exact(millionths))
    except (Inexact, InvalidOperation, OverflowError, ValueError):
        return None
    return whole if -_LARGEST <= whole <= _LARGEST else None


def unscaled(millionths: int) -> Decimal:
    """Return the number that so many millionths are, without zeros at its end."""
    whole, rest = divmod(abs(millionths), MONEY_SCALE)
    text = f"{whole}.{rest:06}".rstrip("0").rstrip(".") if rest else str(whole)
    return Decimal(f"-{text}" if millionths < 0 else text)
