"""The list of rejected records: what a line says, and how large all of them may be."""

import json

import pytest

from aqi_service.core.parse.record_item import Rejection
from aqi_service.core.rejects import TEXT_LIMIT, Rejects


def lines(rejects: Rejects, **refused: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in rejects.body(refused).splitlines()]


def test_a_line_has_offset_id_reason_and_text() -> None:
    rejects = Rejects()
    rejects.add([Rejection("bad_id", None, 7, b'{"id": "x\xc3\xa4"}')])
    assert lines(rejects) == [{"offset": 7, "id": None, "reason": "bad_id", "record": '{"id": "xä"}'}]


def test_what_the_table_refuses_has_neither_offset_nor_text() -> None:
    assert lines(Rejects(), a="too large") == [
        {"offset": None, "id": "a", "reason": "refused: too large", "record": ""}
    ]


def test_the_first_byte_of_a_snapshot_is_a_place_and_each_record_has_a_line_of_its_own() -> None:
    rejects = Rejects()
    rejects.add([Rejection("no_object", None, 0, b"1"), Rejection("no_object", None, 2, b"2")])
    body = rejects.body({"3": "too large"})
    assert [json.loads(line)["offset"] for line in body.split(b"\n")[:-1]] == [0, 2, None]
    assert body.endswith(b"}\n")


@pytest.mark.parametrize("text", [b"\xff" * 5000, b"a" * 5000, "ä".encode() * 5000])
def test_no_text_is_longer_than_4_kib_whatever_its_bytes(text: bytes) -> None:
    rejects = Rejects()
    rejects.add([Rejection("unreadable", None, 0, text)])
    record = lines(rejects)[0]["record"]
    assert isinstance(record, str)
    assert TEXT_LIMIT // 2 <= len(record) <= TEXT_LIMIT


def test_there_are_10_000_lines_at_most_and_the_first_stay() -> None:
    rejects = Rejects()
    rejects.add(Rejection("bad_id", None, n, b"") for n in range(9_998))
    assert [json.loads(line)["id"] for line in last(rejects, 3)] == [None, "a", "b"]
    rejects.add(Rejection("bad_id", None, n, b"") for n in range(9_998, 10_003))
    assert [json.loads(line)["offset"] for line in last(rejects, 2)] == [9_998, 9_999]


def last(rejects: Rejects, count: int) -> list[bytes]:
    """Give the last lines of a list that has all its 10,000."""
    found = rejects.body(dict.fromkeys("abc", "late")).splitlines()
    assert len(found) == 10_000
    return found[-count:]


@pytest.mark.parametrize(
    ("sizes", "kept"), [([4095, 5000, 5000, 255], [4095, 4096, 256, 255]), ([4096, 5000], [4096, 256])]
)
def test_behind_8_mib_of_text_256_characters_of_each_are_kept(sizes: list[int], kept: list[int]) -> None:
    rejects = Rejects()
    rejects.add(Rejection("bad_id", None, n, b"a" * 4096) for n in range(2047))
    rejects.add(Rejection("bad_id", None, n, b"a" * size) for n, size in enumerate(sizes))
    found = rejects.body({}).splitlines()[2047:]
    assert [len(json.loads(line)["record"]) for line in found] == kept
