"""Exact decimals as whole millionths: `store.amounts`."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.amounts import scaled, unscaled
from tests.fuzzing import bounded


@pytest.mark.parametrize(
    ("number", "millionths"),
    [
        ("0", 0),
        ("-0.00", 0),
        ("12345678901.8901", 12_345_678_901_890_100),
        ("0.000001", 1),
        ("1E+3", 1_000_000_000),
        ("9223372036854.775807", 2**63 - 1),
        ("-9223372036854.775807", -(2**63) + 1),
    ],
)
def test_a_number_is_scaled_exactly(number: str, millionths: int) -> None:
    assert scaled(Decimal(number)) == millionths


@pytest.mark.parametrize(
    "number",
    ["0.0000001", "9223372036854.775808", "1E+30", "1E-30", "1E+999999", "NaN", "sNaN", "Infinity", "1." + "1" * 70],
)
def test_what_is_not_exact_or_does_not_fit_is_none(number: str) -> None:
    assert scaled(Decimal(number)) is None


@bounded
@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_what_was_scaled_is_found_again(millionths: int) -> None:
    assert scaled(unscaled(millionths)) == millionths


def test_an_amount_is_written_plainly() -> None:
    assert [str(unscaled(n)) for n in (0, 1, -1_500_000, 10_000_000)] == ["0", "0.000001", "-1.5", "10"]
