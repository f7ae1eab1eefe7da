"""The command line: reads it, runs it, and says what ended it.

One rule: `--help` and `--version` answer immediately, so nothing heavy is imported before a command runs.
"""

import difflib
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from aqi_service import __version__
from aqi_service.app import output
from aqi_service.app.logs import say, use_form
from aqi_service.app.options import ENV_PREFIX, OPTIONS
from aqi_service.core.selection import SHARD_COUNT, shard_of
from aqi_service.errors import AqiError, ConfigError

CLIENT_ENV = ("HOST", "PORT", "TLS", "TLS_CA", "TLS_CERT", "TLS_KEY")
OTHER_ENV = (*(f"AQI_SERVER_{name}" for name in CLIENT_ENV), SHARD_COUNT)
"""Variables of the client and of array jobs, for which there is no warning."""

EXIT_TRY_AGAIN, EXIT_CONFIG = 1, 2


def _run(arguments: tuple[str, ...], **options: Any) -> int:
    from aqi_service.app.run import run_options  # noqa: PLC0415  # heavy: not for --help

    if arguments:
        origin = click.get_current_context().get_parameter_source("sources")
        named = () if origin is click.core.ParameterSource.ENVIRONMENT else options["sources"]
        options["sources"] = (*named, *arguments)
    if options["sources"] and options["shard"] is None:
        options["shard"] = shard_of(os.environ)
    return run_options(options)


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # click's form
    if value and not ctx.resilient_parsing:
        click.echo(f"aqi_service {__version__}")
        ctx.exit()


_COMMAND = click.Command(
    "aqi-service",
    params=[
        *OPTIONS,
        click.Argument(["arguments"], nargs=-1, metavar="[SOURCE]..."),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Print the version.",
        ),
    ],
    callback=_run,
    context_settings={"max_content_width": 110},
    help=(
        "Load Sensor.Community's 24-hour means into S3 and DynamoDB, score them, and serve them over TCP.\n\n"
        "Every option is also an environment variable: AQI_ and its name. The flag wins. AWS credentials, "
        "region, profile and endpoint come from AWS's own variables and files."
    ),
)


def main(argv: list[str] | None = None) -> int:
    """Run the program and return its exit code (0 done, 1 try again, 2 mend something first)."""
    try:
        return _ended(sys.argv[1:] if argv is None else argv)
    finally:
        output.end()


def _ended(arguments: list[str]) -> int:
    """Run the program, and print what ended it."""
    use_form(_log_format(arguments))
    for warning in unknown_variables(os.environ):
        say("variable_unknown", warning, level=logging.WARNING)
    try:
        return _main(arguments)
    except click.ClickException as error:
        wrong = " ".join(error.format_message().split())
        told = f"aqi-service: {wrong} (--help lists the options)"
        say("usage_error", told, {"error": wrong, "exit_code": EXIT_CONFIG}, level=logging.ERROR)
        return EXIT_CONFIG
    except AqiError as error:
        code = EXIT_CONFIG if isinstance(error, ConfigError) else EXIT_TRY_AGAIN
        say("ended", f"aqi-service: {error}", {"error": str(error), "exit_code": code}, level=logging.ERROR)
        return code


def _log_format(arguments: list[str]) -> str:
    """Return the log's form, as far as it is known before anything is checked."""
    context = _COMMAND.make_context("aqi-service", list(arguments), resilient_parsing=True)
    return context.params.get("log_format") or "text"


def _main(argv: list[str]) -> int:
    """Read the command line (--help and --version print then), and run it."""
    try:
        context = _COMMAND.make_context("aqi-service", list(argv))
    except click.exceptions.Exit as end:
        return end.exit_code
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # the reader wants no more
            told = f"aqi-service: the output cannot be written: {error.strerror or error}"
            say("output_not_written", told, {"error": str(error)}, level=logging.ERROR)
        _drop_stdout()
        return EXIT_TRY_AGAIN
    with context:
        return int(_COMMAND.invoke(context))


def _drop_stdout() -> None:
    """Drop text that could not be printed: otherwise the interpreter would try again, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def option_names() -> dict[str, click.Option]:
    """Return every option by its flag."""
    return {p.opts[0]: p for p in _COMMAND.params if isinstance(p, click.Option)}


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return a warning for every AQI_ variable that no option reads, with the nearest known one."""
    known = {str(option.envvar) for option in option_names().values() if option.envvar} | set(OTHER_ENV)
    warnings = []
    for name in sorted(environ):
        if name.startswith(ENV_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            warnings.append(
                f"aqi-service: the variable {name} is not known and has no effect; nearest: {near[0]}"
            )
    return warnings


if __name__ == "__main__":
    sys.exit(main())
