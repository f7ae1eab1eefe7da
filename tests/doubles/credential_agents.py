"""What gives credentials on EC2 and in containers, on loopback: instance metadata and an agent in one server.

One rule: it answers as told, in order, and then as it should; what it was asked is kept.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.doubles.threaded import in_thread

HANG = "hang"
ROLE = "/latest/meta-data/iam/security-credentials/"
Answer = int | str | dict[str, str]
"""A status, HANG, or what is answered as JSON with 200."""


@dataclass
class Agent:
    """A running one: the next answers, of which an empty list is good credentials; what it was asked."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    for_ever: Answer | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def container(self) -> dict[str, str]:
        """The variables that a container's orchestrator sets."""
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}/credentials"}

    @property
    def instance(self) -> dict[str, str]:
        """The variables that lead to it in the place of EC2's metadata."""
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url, "AWS_EC2_METADATA_DISABLED": "false"}

    def next(self, path: str) -> Answer:
        """Say what to answer."""
        self.asked.append(path)
        if self.for_ever is not None:
            return self.for_ever
        return self.answers.pop(0) if self.answers else good()


def good(ahead: timedelta = timedelta(hours=6)) -> dict[str, str]:
    """Give credentials as both give them, which end so long from now."""
    return {
        "Code": "Success",
        "AccessKeyId": "ASIAEXAMPLE",
        "SecretAccessKey": "a-secret-that-nobody-may-see",
        "Token": "token",
        "Expiration": (datetime.now(UTC) + ahead).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


@contextmanager
def agent(*answers: Answer, for_ever: Answer | None = None, refuses: bool = False) -> Iterator[Agent]:
    """Run one on a free port; `refuses` leaves the port closed."""
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            said = running.next(self.path)
            if said == HANG:
                closing.wait()
                return
            self._send(said)

        def _send(self, said: Answer) -> None:
            text = json.dumps(said) if isinstance(said, dict) else "no"
            if isinstance(said, dict) and "/api/token" in self.path:
                text = "a-token"
            elif isinstance(said, dict) and self.path == ROLE:
                text = "a-role"
            self.send_response(said if isinstance(said, int) else 200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PUT = answer  # noqa: N815 (the names are http.server's)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False) as server:
        server.daemon_threads = True
        server.server_bind()
        running = Agent(f"http://127.0.0.1:{server.server_address[1]}", list(answers), for_ever)
        if refuses:
            yield running
            return
        server.server_activate()
        with in_thread(server):
            try:
                yield running
            finally:
                closing.set()
