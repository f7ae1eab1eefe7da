"""The stand-in's S3: objects and multipart uploads, counted, with a digest of each part.

One rule: a condition (If-Match, If-None-Match) is held to what is there, as S3 does.
"""

import time
from collections import Counter
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from bench.lib.standin.pieces import Heap, Piece

META = "x-amz-meta-"


class Refusal(Exception):  # noqa: N818  # it is an answer of AWS's, no fault
    """An error that S3 answers with: status and code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status


class Stored(NamedTuple):
    """An object: its pieces in order, its tag, the metadata that came with it, when it was written."""

    pieces: tuple[Piece, ...]
    tag: str
    metadata: dict[str, str]
    modified: float

    @property
    def size(self) -> int:
        """Bytes of all its pieces."""
        return sum(piece.size for piece in self.pieces)


class Reply(NamedTuple):
    """Status, headers, body, and, of an object that is read, where its bytes are in the file."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    ranges: tuple[tuple[int, int], ...] = ()


class Bucket:
    """All objects, whatever their bucket is called, and what was counted."""

    def __init__(self) -> None:
        self.heap = Heap()
        self.objects: dict[str, Stored] = {}
        self.counts: Counter[str] = Counter()
        self._uploads: dict[str, tuple[str, dict[str, str], dict[int, Piece]]] = {}
        self._made = 0
        self._by = {
            ("GET", "list-type"): self._list,
            ("GET", "uploads"): self._list_uploads,
            ("POST", "uploads"): self._create,
            ("PUT", "partNumber"): self._part,
            ("POST", "uploadId"): self._complete,
            ("DELETE", "uploadId"): self._abort,
            ("GET", ""): self._get,
            ("HEAD", ""): self._get,
            ("PUT", ""): self._put,
            ("DELETE", ""): self._delete,
        }

    def answer(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | Piece,
    ) -> Reply:
        """Answer one request."""
        named = next((name for verb, name in self._by if verb == method and name and name in query), "")
        self.counts["requests"] += 1
        self.counts[f"{method} {named}".strip()] += 1
        self.counts["bytes_in"] += body.size if isinstance(body, Piece) else len(body)
        try:
            return self._by.get((method, named), _unknown)(key, query, headers, body)
        except Refusal as refusal:
            text = f"<Error><Code>{refusal}</Code><Message>{refusal}</Message></Error>"
            return Reply(refusal.status, (), b"" if method == "HEAD" else _xml(text))

    def listed(self) -> dict[str, list[tuple[int, str]]]:
        """Give each object's pieces: size and CRC-32."""
        return {key: [(p.size, p.digest) for p in there.pieces] for key, there in self.objects.items()}

    def clear(self) -> None:
        """Forget objects, uploads and counts."""
        self.objects.clear()
        self._uploads.clear()
        self.counts.clear()
        self.heap.clear()

    def _check(self, key: str, headers: Mapping[str, str]) -> None:
        there = self.objects.get(key)
        if "if-none-match" in headers and there is not None:
            raise Refusal(412, "PreconditionFailed")
        if "if-match" in headers:
            if there is None:
                raise Refusal(404, "NoSuchKey")
            if headers["if-match"] != there.tag:
                raise Refusal(412, "PreconditionFailed")

    def _store(self, key: str, metadata: dict[str, str], pieces: tuple[Piece, ...]) -> str:
        self._made += 1
        tag = f'"{self._made:032x}"'
        self.objects[key] = Stored(pieces, tag, metadata, time.time())
        return tag

    def _put(self, key: str, _: Any, headers: Mapping[str, str], body: bytes | Piece) -> Reply:
        self._check(key, headers)
        return Reply(headers=(("ETag", self._store(key, _metadata(headers), (self.heap.add(body),))),))

    def _delete(self, key: str, _: Any, headers: Mapping[str, str], body: bytes) -> Reply:
        del body
        self._check(key, headers)
        self.objects.pop(key, None)
        return Reply(204)

    def _get(self, key: str, _: Any, headers: Mapping[str, str], body: bytes) -> Reply:
        del body
        there = self.objects.get(key)
        if there is None:
            raise Refusal(404, "NoSuchKey")
        self._check(key, headers)
        begin = int(headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if begin and begin >= there.size:
            raise Refusal(416, "InvalidRange")
        kept = [
            ("ETag", there.tag),
            ("Last-Modified", formatdate(there.modified, usegmt=True)),
            ("Content-Length", str(there.size - begin)),
            *there.metadata.items(),
        ]
        if "range" in headers:
            kept.append(("Content-Range", f"bytes {begin}-{there.size - 1}/{there.size}"))
        text, ranges = _rest(there.pieces, begin)
        self.counts["bytes_out"] += there.size - begin
        return Reply(206 if "range" in headers else 200, tuple(kept), text, ranges)

    def _list(self, key: str, query: Mapping[str, str], headers: Any, body: bytes) -> Reply:
        del key, headers, body
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        keys = sorted(k for k in self.objects if k.startswith(prefix))
        if delimiter:
            keys = [k for k in keys if delimiter not in k.removeprefix(prefix)]
        listed = "".join(
            f"<Contents><Key>{escape(k)}</Key><Size>{self.objects[k].size}</Size></Contents>"
            for k in keys[: int(query.get("max-keys", "1000"))]
        )
        return Reply(
            body=_xml(f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>")
        )

    def _list_uploads(self, *_: Any) -> Reply:
        listed = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{upload}</UploadId></Upload>"
            for upload, (key, _, _) in self._uploads.items()
        )
        kind = "ListMultipartUploadsResult"
        return Reply(body=_xml(f"<{kind}><IsTruncated>false</IsTruncated>{listed}</{kind}>"))

    def _create(self, key: str, _: Any, headers: Mapping[str, str], body: bytes) -> Reply:
        del body
        self._made += 1
        upload = f"upload{self._made}"
        self._uploads[upload] = (key, _metadata(headers), {})
        kind = "InitiateMultipartUploadResult"
        return Reply(body=_xml(f"<{kind}><UploadId>{upload}</UploadId></{kind}>"))

    def _upload(self, query: Mapping[str, str]) -> tuple[str, dict[str, str], dict[int, Piece]]:
        there = self._uploads.get(query["uploadId"])
        if there is None:
            raise Refusal(404, "NoSuchUpload")
        return there

    def _part(self, key: str, query: Mapping[str, str], headers: Any, body: bytes | Piece) -> Reply:
        del key, headers
        piece = self._upload(query)[2][int(query["partNumber"])] = self.heap.add(body)
        return Reply(headers=(("ETag", f'"{piece.digest:0>32}"'),))

    def _complete(self, key: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Reply:
        _, metadata, pieces = self._upload(query)
        self._check(key, headers)
        if body.count(b"<PartNumber>") != len(pieces):
            raise Refusal(400, "InvalidPart")
        del self._uploads[query["uploadId"]]
        tag = self._store(key, metadata, tuple(piece for _, piece in sorted(pieces.items())))
        kind = "CompleteMultipartUploadResult"
        return Reply(body=_xml(f"<{kind}><Key>{escape(key)}</Key><ETag>{escape(tag)}</ETag></{kind}>"))

    def _abort(self, key: str, query: Mapping[str, str], headers: Any, body: bytes) -> Reply:
        del key, headers, body
        self._upload(query)
        del self._uploads[query["uploadId"]]
        return Reply(204)


def _unknown(*_: Any) -> Reply:
    raise Refusal(405, "MethodNotAllowed")


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith(META)}


def _rest(pieces: tuple[Piece, ...], begin: int) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """Give what lies behind `begin`: the bytes of an object in memory, or ranges of the file.

    Of an object in several pieces only the last may be small; it goes into the answer behind the ranges.
    """
    text, ranges, seen = b"", [], 0
    for piece in pieces:
        skipped = min(max(0, begin - seen), piece.size)
        seen += piece.size
        if piece.text is not None:
            text += piece.text[skipped:]
        elif skipped < piece.size:
            ranges.append((piece.at + skipped, piece.size - skipped))
    return text, tuple(ranges)


def _xml(text: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
