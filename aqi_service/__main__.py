"""`python -m aqi_service`, installed `aqi-service`."""

import sys

from aqi_service.client.interrupt import leave_at_interrupt, run_and_leave


def main() -> int:
    """Run the command; Ctrl-C ends it without a word also while it is still being imported."""
    leave_at_interrupt()
    from aqi_service.cli import main as command  # noqa: PLC0415 - takes a moment in which Ctrl-C may come

    return run_and_leave(command)


if __name__ == "__main__":
    sys.exit(main())
