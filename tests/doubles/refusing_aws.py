"""An AWS that refuses: one answer for every request to S3 and one for every request to DynamoDB.

One rule: it answers in AWS's own forms, so that what the program says of it is what it says of AWS.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.doubles.threaded import in_thread

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-may-see",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
FOUND = (200, "")
EMPTY = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
"""What S3 lists of a bucket with nothing in it."""


@dataclass
class RefusingAws:
    """What it answers by HTTP method (S3) and always (`table`), as status and code; what it was asked.

    `said` is the message of each error.
    """

    table: tuple[int, str]
    bucket: Mapping[str, tuple[int, str]]
    said: str = "no"
    endpoint: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a program to it."""
        return CREDENTIALS | {"AWS_ENDPOINT_URL": self.endpoint}


@contextmanager
def refusing_aws(
    table: tuple[int, str] = (400, "AccessDeniedException"),
    *,
    said: str = "no",
    **bucket: tuple[int, str],
) -> Iterator[RefusingAws]:
    """Run one on a free port; `bucket` is what each method gets, AccessDenied where none is named."""
    aws = RefusingAws(table, bucket, said)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            aws.asked.append(operation or f"{self.command} {self.path}")
            status, code = aws.table if operation else aws.bucket.get(self.command, (403, "AccessDenied"))
            error = _json(code, said) if operation else _xml(code, said)
            said_of_it = (b"{}" if operation else EMPTY) if status == 200 else error
            body = b"" if self.command == "HEAD" else said_of_it
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 (the names are http.server's)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        aws.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        with in_thread(server):
            yield aws


@contextmanager
def silent_aws() -> Iterator[dict[str, str]]:
    """Open a port that takes connections and never answers; give the variables that lead there."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as sock:
        yield CREDENTIALS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{sock.getsockname()[1]}"}


@contextmanager
def absent_aws() -> Iterator[dict[str, str]]:
    """Keep a port on which nobody listens; give the variables that lead there."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield CREDENTIALS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{sock.getsockname()[1]}"}


def _json(code: str, said: str) -> bytes:
    return json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": said}).encode()


def _xml(code: str, said: str) -> bytes:
    return (
        f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{escape(said)}</Message></Error>'.encode()
    )
