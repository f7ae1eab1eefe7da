"""`python -m aqi_service`, installed `aqi-service`."""

import sys

from aqi_service.client.interrupt import ended, leave_at_interrupt


def main() -> int:
    """Run the command; Ctrl-C ends it without a word also while it is still being imported."""
    leave_at_interrupt()
    from aqi_service.cli import main as command  # noqa: PLC0415 - takes a moment in which Ctrl-C may come

    return ended(command)


if __name__ == "__main__":
    sys.exit(main())
