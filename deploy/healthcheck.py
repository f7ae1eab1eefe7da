"""Ask the daemon of this container how it is: `healthcheck.py /healthz` exits with 0 for well, else 1.

One rule: it asks on the port, and the address, that the daemon was told to listen on: by its command line,
which /proc has, else by its environment, which is the container's.
"""

import http.client
import os
import sys
from pathlib import Path

COMMAND = "/proc/1/cmdline"
SECONDS = 4
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # it only asks there
YES = ("1", "true", "yes")


def configured(option: str, default: str, words: list[str]) -> str:
    """Return an option's value: the last on the command line, else the environment's, else the default."""
    value = os.environ.get(f"AQI_{option.upper().replace('-', '_')}") or default
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, given = word.partition("=")
        if name == f"--{option}":
            value = given if equals else following
    return value


def is_without_http(words: list[str]) -> bool:
    """Tell whether there is no port to ask."""
    return "--no-http" in words or os.environ.get("AQI_NO_HTTP", "").lower() in YES


def status(page: str, words: list[str]) -> int:
    """Ask for a page; return the HTTP status."""
    host = configured("http-host", "127.0.0.1", words).strip("[]")
    port = int(configured("http-port", "8080", words))
    # http.client and not urllib: that would take HTTP_PROXY for the way to this machine.
    connection = http.client.HTTPConnection(EVERYWHERE.get(host, host), port, timeout=SECONDS)
    connection.request("GET", page)
    return connection.getresponse().status


def main(page: str, command: str = COMMAND) -> int:
    """Return the exit code; a daemon without HTTP is as well as its process."""
    try:
        words = Path(command).read_text(encoding="utf-8", errors="replace").split("\0")
        return 0 if is_without_http(words) else int(status(page, words) != http.client.OK)
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"{page}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
