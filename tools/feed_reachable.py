"""Tell whether the live feed can be reached, before `make run` starts a daemon that would wait for it.

One rule: it opens one connection and sends nothing; a sentence and exit code 1 within 30 s if it cannot.

    python -m tools.feed_reachable [the program's options]
"""

import os
import signal
import socket
import sys
from urllib.parse import urlsplit

from aqi_service.cli import FEED_URL

SECONDS = 25


def feed_url(options: list[str]) -> str:
    """Return the feed that these options (or AQI_FEED_URL) name."""
    for place, option in enumerate(options):
        if option.startswith("--feed-url="):
            return option.partition("=")[2]
        if option == "--feed-url" and place + 1 < len(options):
            return options[place + 1]
    return os.environ.get("AQI_FEED_URL") or FEED_URL


def problem(url: str, seconds: int = SECONDS) -> str | None:
    """Return why the feed cannot be reached, or None."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    signal.alarm(seconds)  # looking a name up has no time-out of its own
    try:
        socket.create_connection((parts.hostname or "", port), timeout=seconds).close()
    except OSError as error:
        return error.strerror or str(error)
    finally:
        signal.alarm(0)
    return None


def main(options: list[str]) -> int:
    """Print a sentence and return 1 if the feed cannot be reached, else return 0."""
    url = feed_url(options)
    signal.signal(signal.SIGALRM, _give_up)
    why = problem(url)
    if why is None:
        return 0
    host = urlsplit(url).hostname
    print(
        f"run: the feed's host {host} cannot be reached ({why}); make demo needs no network", file=sys.stderr
    )
    return 1


def _give_up(_number: int, _frame: object) -> None:
    raise TimeoutError(f"no answer within {SECONDS} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
