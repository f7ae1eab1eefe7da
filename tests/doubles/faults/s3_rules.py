"""S3's own rules of multipart uploads, where an emulator is kinder: sizes, checksums, times, ends.

One rule: it remembers what went through the shim and does no I/O; what S3 would refuse raises Refused.

Source: S3 User Guide, "Amazon S3 multipart upload limits"; API Reference, CompleteMultipartUpload.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree import ElementTree

from tests.doubles.faults.answers import Refused
from tests.doubles.faults.calls import Call
from tests.doubles.faults.checksums import Payload

MAX_KEY = 1024
MIN_PART = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Aws:
    """How S3 behaves where that can differ, or would be dear in a test.

    Attributes:
        min_part: bytes of every part but the last; AWS's own are 5 MiB.
        ends_upload: statuses of a Complete after which the upload is gone. AWS documents it for 409
            ("re-initiate the multipart upload"); of 412 its pages say nothing, so tests try it both ways.
        forgets_completed: a repeated Complete gets NoSuchUpload; S3 repeats its 200 for some time only.
    """

    min_part: int = MIN_PART
    ends_upload: frozenset[int] = frozenset({409, 412})
    forgets_completed: bool = False


class Part(NamedTuple):
    """What is remembered of a part: its bytes, and its checksums by algorithm."""

    size: int
    sums: Mapping[str, str]


@dataclass(slots=True)
class Upload:
    """One multipart upload: when and with which algorithm it was begun, and its parts by number."""

    begun: datetime
    algorithm: str
    parts: dict[int, Part] = field(default_factory=dict)


class Uploads:
    """The uploads that were begun through the shim."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._open: dict[str, Upload] = {}
        self._completed: set[str] = set()
        self._gone: set[str] = set()

    def check(self, call: Call, sent: Payload) -> None:
        """Raise Refused if S3 would refuse the request."""
        if len(call.key.encode()) > MAX_KEY:
            raise Refused("KeyTooLongError")
        upload = self._open.get(call.upload_id)
        if call.operation in ("UploadPart", "CompleteMultipartUpload") and call.upload_id in self._gone:
            raise Refused("NoSuchUpload")
        if call.operation == "UploadPart" and upload:
            _check_part(upload, sent)
        if call.operation == "CompleteMultipartUpload":
            if self._aws.forgets_completed and call.upload_id in self._completed:
                raise Refused("NoSuchUpload")
            if upload:
                _check_complete(upload, sent.data, self._aws.min_part)

    def saw(
        self, call: Call, headers: Mapping[str, str], sent: Payload, answer: bytes, now: datetime
    ) -> None:
        """Remember what S3 has done."""
        if call.operation == "CreateMultipartUpload":
            self._open[_upload_id(answer)] = Upload(now, _algorithm(headers))
        elif call.operation == "UploadPart" and call.upload_id in self._open:
            self._open[call.upload_id].parts[call.part] = Part(len(sent.data), sent.sums)
        elif call.operation == "CompleteMultipartUpload":
            self._completed.add(call.upload_id)
            self._open.pop(call.upload_id, None)
        elif call.operation == "AbortMultipartUpload":
            self.forget(call.upload_id)

    def forget(self, upload_id: str) -> None:
        """Drop an upload that ended without an object."""
        self._open.pop(upload_id, None)
        self._gone.add(upload_id)

    def with_times(self, answer: bytes) -> bytes:
        """Put the real times into the answer of ListMultipartUploads."""
        return re.sub(rb"<Upload>.*?</Upload>", self._with_time, answer, flags=re.DOTALL)

    def _with_time(self, entry: re.Match[bytes]) -> bytes:
        upload = self._open.get(_upload_id(entry[0]))
        if upload is None:
            return entry[0]
        text = upload.begun.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()
        return re.sub(rb"<Initiated>.*?</Initiated>", b"<Initiated>" + text + b"</Initiated>", entry[0])


def _upload_id(text: bytes) -> str:
    found = re.search(rb"<UploadId>(.*?)</UploadId>", text)
    return found[1].decode() if found else ""


def _algorithm(headers: Mapping[str, str]) -> str:
    """Return the algorithm whose checksum every part must bring; a checksum of the whole asks none."""
    name = headers.get("x-amz-checksum-algorithm", "").lower()
    whole = headers.get("x-amz-checksum-type", "").upper() == "FULL_OBJECT" or name == "crc64nvme"
    return "" if whole else name


def _check_part(upload: Upload, sent: Payload) -> None:
    if upload.algorithm and upload.algorithm not in sent.sums:
        given = next(iter(sent.sums), "null")
        raise Refused(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm}, "
            f"actual checksum Type: {given}",
        )


def _check_complete(upload: Upload, body: bytes, min_part: int) -> None:
    listed = _listed_parts(body)
    for number, sums in listed.items():
        given = sums.get(upload.algorithm)
        if upload.algorithm and given is None:
            raise Refused(
                "InvalidRequest",
                f"The upload was created using a {upload.algorithm} checksum. The complete request must "
                f"include the checksum for each part. It was missing for part {number} in the request.",
            )
        if number in upload.parts and given != upload.parts[number].sums.get(upload.algorithm):
            raise Refused("InvalidPart")
    known = [upload.parts[number].size for number in sorted(listed)[:-1] if number in upload.parts]
    if any(size < min_part for size in known):
        raise Refused("EntityTooSmall")


def _listed_parts(body: bytes) -> dict[int, dict[str, str]]:
    """Return part number -> algorithm -> checksum of a Complete's XML."""
    root = ElementTree.fromstring(body)  # noqa: S314  # our own tests wrote it
    parts = {}
    for part in root.iterfind("{*}Part"):
        fields = {each.tag.rpartition("}")[2]: each.text or "" for each in part}
        sums = {n.removeprefix("Checksum").lower(): v for n, v in fields.items() if n.startswith("Checksum")}
        parts[int(fields["PartNumber"])] = sums
    return parts
