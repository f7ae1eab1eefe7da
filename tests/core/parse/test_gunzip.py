"""Gzip in pieces: known by its first bytes, whole only with its trailer, and never larger than allowed."""

import gzip
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.parse.gunzip import PIECE, Gunzip
from aqi_service.errors import CutShort, FetchFailed, SnapshotRejected
from tests.doubles.documents import QUICK, cut_at, pieces

MAGIC = b"\x1f\x8b"
TEXT = b'[{"id": 1}, {"id": 2}]' * 50
PACKED = gzip.compress(TEXT, mtime=0)

BODIES = st.binary(max_size=300) | st.binary(min_size=1, max_size=40).map(lambda part: part * 3000)
CUTS = st.lists(st.integers(0, 1 << 20), max_size=8)


def decoded(chunks: Iterable[bytes], limit: int = 1 << 30) -> bytes:
    """Decode chunks; every piece is small and not empty."""
    gunzip = Gunzip(limit)
    out = [piece for chunk in chunks for piece in gunzip.feed(chunk)]
    out += gunzip.close()
    assert all(out)
    assert gunzip.decoded == sum(map(len, out))
    return b"".join(out)


@QUICK
@given(BODIES, CUTS)
def test_gzip_decodes_alike_however_it_is_chunked(body: bytes, cuts: list[int]) -> None:
    assert decoded(cut_at(gzip.compress(body), cuts)) == body


@QUICK
@given(st.lists(BODIES, min_size=1, max_size=4), CUTS)
def test_several_members_decode_to_one_document(bodies: list[bytes], cuts: list[int]) -> None:
    assert decoded(cut_at(b"".join(map(gzip.compress, bodies)), cuts)) == b"".join(bodies)


@QUICK
@given(BODIES.filter(lambda body: not body.startswith(MAGIC)), CUTS)
def test_what_is_not_gzip_passes_unchanged(body: bytes, cuts: list[int]) -> None:
    assert decoded(cut_at(body, cuts)) == body


@pytest.mark.parametrize("body", [b"", b"\x1f", b"\x1fx", b"\x8b\x1f", b"[]"])
def test_what_only_begins_like_gzip_passes_unchanged(body: bytes) -> None:
    assert decoded([body]) == decoded(pieces(body, 1)) == decoded([b"", body, b""]) == body


@pytest.mark.parametrize("level", [0, 1, 9])
def test_every_level_of_packing_decodes_byte_by_byte(level: int) -> None:
    assert decoded(pieces(gzip.compress(TEXT, level), 1)) == TEXT


def test_a_header_with_name_and_comment_is_passed_over() -> None:
    header = MAGIC + b"\x08\x18" + bytes(6) + b"data.json\0comment\0"
    assert decoded([header + PACKED[10:]]) == TEXT


@pytest.mark.parametrize("size", range(2, len(PACKED)))
def test_gzip_cut_anywhere_is_cut_short(size: int) -> None:
    with pytest.raises(CutShort, match="trailer is missing"):
        decoded([PACKED[:size]])


def test_a_second_member_that_is_cut_is_cut_short() -> None:
    for size in range(1, len(PACKED)):
        with pytest.raises(CutShort):
            decoded([PACKED, PACKED[:size]])


DAMAGED = {
    "a bad checksum": PACKED[:-8] + bytes(4) + PACKED[-4:],
    "a bad length": PACKED[:-4] + bytes(4),
    "bytes after it": PACKED + b"more",
    "zeros after it": PACKED + bytes(512),
    "another method": MAGIC + b"\x07" + PACKED[3:],
    "damage inside": PACKED[:20] + bytes(10) + PACKED[30:],
    "no gzip but its first bytes": MAGIC + b"[]" * 20,
}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
def test_damaged_gzip_fails_with_a_sentence(body: bytes) -> None:
    for size in (1, 7, len(body)):
        with pytest.raises(FetchFailed, match="the gzip stream is damaged: "):
            decoded(pieces(body, size))


@QUICK
@given(st.integers(0, 3000), st.integers(0, 3000), CUTS, st.booleans())
def test_the_limit_is_exact_and_nothing_beyond_it_is_given_out(
    size: int, limit: int, cuts: list[int], packed: bool
) -> None:
    body = b"x" * size
    chunks = cut_at(gzip.compress(body) if packed else body, cuts)
    if size <= limit:
        assert decoded(chunks, limit) == body
        return
    gunzip, given_out = Gunzip(limit), bytearray()
    with pytest.raises(SnapshotRejected, match=f"larger than {limit} bytes"):
        given_out.extend(byte for chunk in chunks for piece in gunzip.feed(chunk) for byte in piece)
    assert len(given_out) <= limit


def test_a_bomb_comes_in_small_pieces_and_stops_at_the_limit() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(20)) + packer.flush()
    sizes: list[int] = []
    with pytest.raises(SnapshotRejected, match="--max-bytes"):
        sizes.extend(len(piece) for piece in Gunzip(10 * PIECE).feed(bomb))
    assert sizes == [PIECE] * 10


def test_a_member_of_nothing_gives_nothing() -> None:
    assert decoded([gzip.compress(b"") * 3]) == b""
