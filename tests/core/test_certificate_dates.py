"""When a certificate ends, as another library reads it."""

from datetime import UTC, datetime
from functools import cache

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.certificate_dates import not_after

ENDS = (
    datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 2, 28, 7, 5, 9, tzinfo=UTC),
    datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2050, 1, 1, tzinfo=UTC),  # from here on the year has four digits
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),  # none is meant
)


VERSION = bytes((0xA0, 3, 2, 1, 2))


def sequence(value: bytes) -> bytes:
    return b"\x30\x82" + len(value).to_bytes(2, "big") + value


@cache
def certificate(end: datetime) -> bytes:
    begin = datetime(1990, 1, 1, tzinfo=UTC)
    issued = trustme.CA().issue_cert("localhost", not_before=begin, not_after=end)
    found = x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())
    assert found.not_valid_after_utc == end
    return found.public_bytes(Encoding.DER)


@pytest.mark.parametrize("end", ENDS)
def test_the_end_is_read_whatever_the_form_of_its_year(end: datetime) -> None:
    assert not_after(certificate(end)) == int(end.timestamp())


def test_a_certificate_of_the_first_version_has_one_field_less() -> None:
    der = certificate(ENDS[1])
    signed = 8 + int.from_bytes(der[6:8], "big")  # the two outer elements begin with four bytes each
    assert der[8:].startswith(VERSION)
    fields = der[8 + len(VERSION) : signed]
    assert not_after(sequence(sequence(fields) + der[signed:])) == int(ENDS[1].timestamp())


@given(st.integers(0, 700))
def test_one_that_is_cut_off_is_a_value_error(length: int) -> None:
    der = certificate(ENDS[1])
    with pytest.raises(ValueError, match="no certificate"):
        not_after(der[: min(length, len(der) - 1)])


@given(st.binary(max_size=80), st.integers(0, 400))
def test_other_bytes_are_a_time_or_a_value_error(junk: bytes, at: int) -> None:
    der = certificate(ENDS[1])
    for data in (junk, der[:at] + junk + der[at + len(junk) :]):
        try:
            assert isinstance(not_after(data), int)
        except ValueError:
            continue
