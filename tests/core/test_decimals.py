"""Numbers as text: the grammar, the one way each is written, and what is refused."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.decimals import canonical, integer
from tests.doubles.documents import QUICK

DIGITS = st.text("0123456789", min_size=1, max_size=18)
NUMBERS = st.builds(
    lambda sign, whole, places: sign + whole + places,
    st.sampled_from(["", "-"]),
    DIGITS,
    st.just("") | DIGITS.map(".{}".format),
) | st.builds("{}.{}".format, st.sampled_from(["", "-"]), DIGITS)
CANONICAL = re.compile(r"0|-?(?:[1-9][0-9]*|0(?=\.))(?:\.[0-9]*[1-9])?")

NO_NUMBERS = [
    *("", "-", ".", "-.", "1.", "-1.", "+5", "--1", "1-", "1e3", "1E3", "1e999", "1_0", " 12", "12 ", " 12 "),
    *("12\n", "1,5", "1 2", "1.2.3", "0x10", "nan", "NaN", "inf", "-Infinity", "unavailable", "1\x00"),
    *("\u0663", "1\u0663", "\u00b2", "\uff11"),  # digits, but not ASCII ones
]


@QUICK
@given(NUMBERS)
def test_a_number_keeps_its_exact_value_in_plain_text_without_surplus_zeros(text: str) -> None:
    written = canonical(text)
    assert written is not None
    assert Decimal(written) == Decimal(text)
    assert CANONICAL.fullmatch(written)
    assert canonical(written) == written


@QUICK
@given(NUMBERS, NUMBERS)
def test_two_texts_of_one_value_are_written_alike_and_others_are_not(one: str, other: str) -> None:
    padded = one + ("00" if "." in one else ".00")
    assert canonical(padded) == canonical(one)
    assert (canonical(one) == canonical(other)) == (Decimal(one) == Decimal(other))


@pytest.mark.parametrize(
    ("given_text", "written"),
    [
        ("48.80", "48.8"),
        (".9", "0.9"),
        ("-.50", "-0.5"),
        ("0", "0"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("000", "0"),
        ("007.10", "7.1"),
        ("100", "100"),
        ("3.8874999999999997", "3.8874999999999997"),
    ],
)
def test_numbers_of_the_feed_are_written_as_the_specification_shows(given_text: str, written: str) -> None:
    assert canonical(given_text) == written


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_a_text_outside_the_grammar_is_no_number(text: str) -> None:
    assert canonical(text) is None


@QUICK
@given(st.text("0123456789.-+eE_ \n\u0663", max_size=6))
def test_a_text_is_a_number_just_when_it_is_digits_with_a_sign_and_a_point_before_digits(text: str) -> None:
    whole, point, places = text.removeprefix("-").partition(".")
    ascii_digits = set("0123456789").issuperset
    expected = ascii_digits(whole) and ascii_digits(places) and bool(places if point else whole)
    assert (canonical(text) is not None) == expected


@pytest.mark.parametrize("value", [None, True, False, [], ["1"], {}, b"1", Decimal(1)])
def test_what_is_neither_text_nor_json_number_is_no_number(value: object) -> None:
    assert canonical(value) is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (7, "7"),
        (-3, "-3"),
        (0, "0"),
        (20.5, "20.5"),
        (20.0, "20"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (3.8874999999999997, "3.8874999999999997"),
        (0.1 + 0.2, "0.30000000000000004"),
        (99112.68, "99112.68"),
        (1e15, "1000000000000000"),
        (1e16, None),
        (1e-5, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_a_json_number_counts_as_its_repr(value: float, written: str | None) -> None:
    assert canonical(value) == written


@QUICK
@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_an_integer_of_up_to_38_digits_is_written_in_all_its_digits(value: int) -> None:
    assert canonical(value) == canonical(str(value)) == str(value)


@pytest.mark.parametrize("shape", ["{}", "-{}", "0.{}", "-.{}", "0.000{}", "000{}", "0{}.000"])
def test_38_significant_digits_are_a_number_and_39_are_not(shape: str) -> None:
    assert Decimal(canonical(shape.format("1" * 38)) or 0) == Decimal(shape.format("1" * 38))
    assert canonical(shape.format("1" * 39)) is None


def test_38_digits_may_lie_on_both_sides_of_the_point() -> None:
    assert canonical("1" * 20 + "." + "1" * 18) == "1" * 20 + "." + "1" * 18
    assert canonical("1" * 20 + "." + "1" * 19) is None
    assert canonical("1" * 20 + "." + "1" * 18 + "0" * 50) == "1" * 20 + "." + "1" * 18


@pytest.mark.parametrize("value", ["1" + "0" * 40, "-25" + "0" * 100, 10**125, "1" + "0" * 40 + ".0"])
def test_zeros_at_a_whole_numbers_end_are_no_significant_digits(value: object) -> None:
    assert canonical(value) == str(value).removesuffix(".0")


@pytest.mark.parametrize("value", ["1" + "0" * 126, 10**126, "1" + "0" * 40 + ".5"])
def test_a_number_too_large_or_too_exact_for_the_table_is_none(value: object) -> None:
    assert canonical(value) is None


def test_the_table_takes_no_number_below_1e_130_and_so_none_is_made() -> None:
    assert canonical("0." + "0" * 129 + "1") == "0." + "0" * 129 + "1"
    assert canonical("0." + "0" * 130 + "1") is None
    assert canonical("0." + "0" * 200) == "0"


@pytest.mark.parametrize("value", ["9" * 60_000, "0." + "9" * 60_000, "-" * 60_000])
def test_an_endless_number_is_no_number(value: object) -> None:
    assert canonical(value) is None


@QUICK
@given(st.integers(0, 2**63 - 1), st.integers(0, 60))
def test_an_integer_is_the_same_as_json_number_and_as_digits_with_or_without_leading_zeros(
    value: int, zeros: int
) -> None:
    assert integer(value) == integer(str(value)) == integer("0" * zeros + str(value)) == str(value)


@pytest.mark.parametrize("edge", [2**63 - 1, str(2**63 - 1)])
def test_the_largest_integer_is_2_to_the_63_less_1(edge: object) -> None:
    assert integer(edge) == "9223372036854775807"


@pytest.mark.parametrize(
    "value",
    [
        *(
            2**63,
            2**64,
            str(2**63),
            "9" * 20,
            "9" * 60_000,
            -1,
            "-1",
            "-0",
            "+1",
            1.0,
            1e3,
            True,
            False,
            None,
        ),
        *("", " 1", "1 ", "1\n", "1_0", "1.0", "0x1", "\u0663", "\u00b2", [], [1], {}, b"1"),
    ],
)
def test_anything_else_is_no_integer(value: object) -> None:
    assert integer(value) is None


def test_an_integer_of_5000_digits_is_no_number_and_no_integer() -> None:
    assert integer(10**5_000) is None
    assert canonical(10**5_000) is None
