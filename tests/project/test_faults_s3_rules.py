"""S3's own rules: which bodies and multipart uploads it refuses; all of it without a socket."""

import base64
import hashlib
from datetime import UTC, datetime

import pytest

from tests.doubles.faults.answers import Refused
from tests.doubles.faults.calls import Call
from tests.doubles.faults.checksums import Payload, chunks, digest, payload
from tests.doubles.faults.s3_rules import Aws, Uploads

DATA = b"x" * 1000
SUM = digest("crc32", DATA)
MD5 = base64.b64encode(hashlib.md5(DATA, usedforsecurity=False).digest()).decode()


@pytest.mark.parametrize(
    ("algorithm", "check"),
    [("crc32", "cbf43926"), ("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")],
)
def test_checksums_have_the_check_value_of_the_crc_catalogue(algorithm: str, check: str) -> None:
    assert base64.b64decode(digest(algorithm, b"123456789")).hex() == check


def chunked(data: bytes, trailer: bytes = b"", size: int = 300) -> bytes:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n" + trailer + b"\r\n"


TRAILED = {
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-trailer": "x-amz-checksum-crc32",
    "X-Amz-Decoded-Content-Length": "1000",
}
TRAILER = b"x-amz-checksum-crc32:%s\r\n" % SUM.encode()
BROKEN = {
    "another CRC-32": ({"x-amz-checksum-crc32": digest("crc32", b"y")}, DATA, "BadDigest"),
    "another SHA-256": ({"x-amz-checksum-sha256": digest("sha256", b"y")}, DATA, "BadDigest"),
    "a checksum that is none": ({"x-amz-checksum-crc32": "AAAA"}, DATA, "InvalidRequest"),
    "a checksum nobody knows": ({"x-amz-checksum-crc7": "AAAA"}, DATA, "InvalidRequest"),
    "another MD5": ({"Content-MD5": MD5}, b"y", "BadDigest"),
    "an MD5 that is none": ({"Content-MD5": "?"}, DATA, "InvalidDigest"),
    "another SHA-256 of the body": ({"X-Amz-Content-SHA256": "0" * 64}, DATA, "XAmzContentSHA256Mismatch"),
    "another CRC-32 behind it": (
        TRAILED,
        chunked(DATA, b"x-amz-checksum-crc32:AAAAAA==\r\n"),
        "BadDigest",
    ),
    "no checksum behind it": (TRAILED, chunked(DATA), "MalformedTrailerError"),
    "a chunk cut short": (TRAILED, chunked(DATA, TRAILER)[:500], "IncompleteBody"),
    "no last chunk": (TRAILED, chunked(DATA)[:-5], "IncompleteBody"),
    "other bytes than promised": (TRAILED, chunked(b"y" * 999, TRAILER), "IncompleteBody"),
}


@pytest.mark.parametrize(("headers", "body", "code"), BROKEN.values(), ids=BROKEN)
def test_s3_refuses_a_body_with(headers: dict[str, str], body: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        payload(headers, body)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, DATA),
        ({"x-amz-checksum-crc32": SUM, "Content-MD5": MD5}, DATA),
        (TRAILED, chunked(DATA, TRAILER)),
        ({"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, DATA),
    ],
)
def test_s3_takes_a_body_that_holds_what_its_headers_promise(headers: dict[str, str], body: bytes) -> None:
    assert payload(headers, body).data == DATA


def test_chunks_may_be_signed_and_have_trailers() -> None:
    assert chunks(b"2;chunk-signature=ab\r\nhi\r\n0\r\nX-Amz-A: b \r\n\r\n") == (b"hi", {"x-amz-a": "b"})


PART = "UploadPart"
COMPLETE = "CompleteMultipartUpload"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def s3(operation: str, part: int = 0, upload_id: str = "u", key: str = "k") -> Call:
    return Call("s3", operation, f"bucket/{key}", upload_id, part)


def begun(aws: Aws | None = None, **headers: str) -> Uploads:
    uploads = Uploads(aws or Aws(min_part=10))
    created = {name.replace("_", "-"): value for name, value in headers.items()}
    uploads.saw(s3("CreateMultipartUpload"), created, Payload(b""), b"<UploadId>u</UploadId>", NOW)
    return uploads


def send(uploads: Uploads, number: int, data: bytes, sums: dict[str, str] | None = None) -> None:
    sent = Payload(data, sums or {})
    uploads.check(s3(PART, number), sent)
    uploads.saw(s3(PART, number), {}, sent, b"", NOW)


def listing(*parts: str) -> Payload:
    inner = "".join(f"<Part><PartNumber>{n}</PartNumber>{p}</Part>" for n, p in enumerate(parts, 1))
    xmlns = "http://s3.amazonaws.com/doc/2006-03-01/"
    return Payload(f'<CompleteMultipartUpload xmlns="{xmlns}">{inner}</CompleteMultipartUpload>'.encode())


@pytest.mark.parametrize(("first", "last", "refused"), [(9, 10, True), (10, 1, False), (10, 0, False)])
def test_every_part_but_the_last_has_the_least_size(first: int, last: int, refused: bool) -> None:
    uploads = begun()
    send(uploads, 1, b"x" * first)
    send(uploads, 2, b"x" * last)
    code = ""
    try:
        uploads.check(s3(COMPLETE), listing("", ""))
    except Refused as error:
        code = error.code
    assert code == ("EntityTooSmall" if refused else "")


def test_an_upload_begun_with_an_algorithm_wants_its_checksum_of_every_part() -> None:
    uploads = begun(x_amz_checksum_algorithm="CRC32")
    with pytest.raises(Refused, match="expected checksum Type: crc32, actual checksum Type: null"):
        send(uploads, 1, DATA)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "InvalidRequest"),
        ("<ChecksumCRC32>AAAAAA==</ChecksumCRC32>", "InvalidPart"),
        (f"<ChecksumCRC32>{SUM}</ChecksumCRC32>", ""),
    ],
)
def test_complete_gives_the_checksum_of_every_part_again(given: str, code: str) -> None:
    uploads = begun(x_amz_checksum_algorithm="CRC32")
    send(uploads, 1, DATA, {"crc32": SUM})
    found = ""
    try:
        uploads.check(s3(COMPLETE), listing(given))
    except Refused as refused:
        found = refused.code
    assert found == code


def test_a_checksum_of_the_whole_object_asks_none_of_its_parts() -> None:
    uploads = begun(x_amz_checksum_algorithm="CRC32", x_amz_checksum_type="FULL_OBJECT")
    send(uploads, 1, DATA)
    uploads.check(s3(COMPLETE), listing(""))


def test_a_key_over_1024_bytes_is_refused_by_s3() -> None:
    uploads = Uploads(Aws())
    uploads.check(s3("PutObject", key="é" * 512), Payload(b""))
    with pytest.raises(Refused, match="KeyTooLongError"):
        uploads.check(s3("PutObject", key="é" * 513), Payload(b""))


def test_a_list_of_uploads_tells_when_they_were_begun() -> None:
    entry = b"<Upload><UploadId>%s</UploadId><Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>"
    listed = begun().with_times(entry % b"u" + entry % b"unknown")
    assert (
        listed == (entry % b"u").replace(b"2010-11-10T20:48:33", b"2026-01-02T03:04:05") + entry % b"unknown"
    )


@pytest.mark.parametrize("forgets", [True, False])
def test_a_repeated_complete_is_answered_again_or_forgotten(forgets: bool) -> None:
    uploads = begun(Aws(forgets_completed=forgets))
    uploads.saw(s3(COMPLETE), {}, Payload(b""), b"", NOW)
    found = ""
    try:
        uploads.check(s3(COMPLETE), listing(""))
    except Refused as refused:
        found = refused.code
    assert found == ("NoSuchUpload" if forgets else "")
