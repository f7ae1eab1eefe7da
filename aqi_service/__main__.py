"""`python -m aqi_service`, installed `aqi-service`."""

import sys

from aqi_service.client.interrupt import hold_hangup, leave_at_signals, run_and_leave


def main() -> int:
    """Run the command; Ctrl-C and SIGTERM end it silently, also while it is still being imported."""
    leave_at_signals()
    hold_hangup()  # whether it is to end the command is known when the command line is read
    from aqi_service.client.old_python import EXIT_CODE, too_old  # noqa: PLC0415 - after the signals' handlers

    if wrong := too_old("aqi-service"):
        print(wrong, file=sys.stderr)
        return EXIT_CODE
    try:
        from aqi_service.cli import main as command  # noqa: PLC0415 - takes a moment in which Ctrl-C may come

        return run_and_leave(command)
    except ModuleNotFoundError as error:
        return _lacks(error)


def _lacks(error: ModuleNotFoundError) -> int:
    """Name a missing package, and return the exit code; raises any other error again."""
    import logging  # noqa: PLC0415 - only here

    from aqi_service.app.logs import say  # noqa: PLC0415 - only here
    from aqi_service.app.missing_packages import EXIT_CODE, missing  # noqa: PLC0415 - only here

    wrong = missing(error)
    if wrong is None:
        raise error
    told = f"aqi-service: {wrong}"
    say("package_missing", told, {"error": wrong, "exit_code": EXIT_CODE}, level=logging.ERROR)
    return EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
