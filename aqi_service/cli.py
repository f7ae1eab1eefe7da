"""The command line: every option is declared once, as flag, environment variable, default and help.

One rule: `--help` and `--version` answer at once, so nothing heavy is imported before a command runs.
"""

import difflib
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from aqi_service import __version__
from aqi_service.app import output
from aqi_service.app.logs import say, use_form
from aqi_service.app.option_types import File, Folder, Number, Share, Switch, Time, Whole
from aqi_service.core.selection import SHARD_COUNT, shard_of
from aqi_service.errors import AqiError, ConfigError

ENV_PREFIX = "AQI_"
CLIENT_ENV = ("HOST", "PORT", "TLS", "TLS_CA", "TLS_CERT", "TLS_KEY")
OTHER_ENV = (*(f"AQI_SERVER_{name}" for name in CLIENT_ENV), SHARD_COUNT)
"""Variables of the client, and of array jobs, which are no mistake here."""

FEED_URL = "https://data.sensor.community/static/v2/data.24h.json"
EXIT_TRY_AGAIN, EXIT_CONFIG = 1, 2


def _option(*flags: str, **settings: Any) -> click.Option:
    """Declare an option whose environment variable follows from its flag."""
    variable = ENV_PREFIX + flags[0][2:].replace("-", "_").upper()
    shown = settings.get("default") is not None and not settings.get("is_flag")
    if settings.get("is_flag"):
        settings["type"] = Switch()
    return click.Option(flags, envvar=variable, show_default=shown, **settings)


YEAR = 366 * 86_400
_POSITIVE = Whole(min=1)
_SECONDS = Whole(1, YEAR)
_DAYS = Whole(1, 36_600)
_PORT = Whole(0, 65_535)

_OPTIONS = (
    _option("--load-only", is_flag=True, help="Load, then exit (backfills)."),
    _option("--serve-only", is_flag=True, help="Serve, never load (replicas)."),
    _option("--feed-url", metavar="URL", default=FEED_URL, help="The live feed."),
    _option(
        "--contact",
        metavar="TEXT",
        help="Goes into the User-Agent; the feed's operators ask for it.",
    ),
    _option("--bucket", metavar="NAME", default="mysensordatainjson", help="S3 bucket of the snapshots."),
    _option("--bucket-owner", metavar="ID", help="Account that must own the bucket."),
    _option("--table", metavar="NAME", default="air_quality_data", help="DynamoDB table."),
    _option(
        "--local",
        metavar="DIR",
        type=Folder(path_type=Path),
        help="Keep files and SQLite under DIR instead of AWS.  [default: off]",
    ),
    _option(
        "--create", is_flag=True, help="Create what is missing of bucket and table (always on with --local)."
    ),
    _option("--host", metavar="ADDRESS", default="127.0.0.1", help="Address of the TCP server."),
    _option("--port", type=_PORT, metavar="N", default=12_000, help="Its port; 0 takes a free one."),
    _option(
        "--tls-cert",
        metavar="FILE",
        type=File(path_type=Path),
        help="Serve TLS with this certificate and chain (PEM); SIGHUP reads it again.  [default: plain TCP]",
    ),
    _option(
        "--tls-key",
        metavar="FILE",
        type=File(path_type=Path),
        help="Its key.  [default: the file of --tls-cert has it]",
    ),
    _option(
        "--tls-client-ca",
        metavar="FILE",
        type=File(path_type=Path),
        help="Demand certificates of clients, signed by these authorities.  [default: off]",
    ),
    _option(
        "--http-host", metavar="ADDRESS", default="127.0.0.1", help="Address of the map, API and health."
    ),
    _option("--http-port", type=_PORT, metavar="N", help="Its port; 0 takes a free one.  [default: 8080]"),
    _option("--no-http", is_flag=True, help="No HTTP port."),
    _option(
        "--tiles",
        metavar="URL",
        help="Street tiles for the map, a URL with {z}, {x} and {y}; browsers then ask that host as well.  "
        "[default: none]",
    ),
    _option("--tiles-attribution", metavar="TEXT", help="Whom the map names for the tiles."),
    _option(
        "--max-connections",
        type=_POSITIVE,
        metavar="N",
        help="Cap of TCP connections.  [default: from the descriptor limit, at most 10,000]",
    ),
    _option(
        "--max-per-address",
        type=Whole(min=0),
        metavar="N",
        help="Cap of one address; 0 is none.  [default: half of --max-connections]",
    ),
    _option(
        "--read-units",
        type=_POSITIVE,
        metavar="N",
        default=200,
        help="Read units of DynamoDB a second that all requests for histories and days may use.",
    ),
    _option("--interval", type=_SECONDS, metavar="SECONDS", default=3600, help="Time between loads."),
    _option(
        "--from",
        "sources",
        metavar="SOURCE",
        multiple=True,
        help="With --load-only, repeatable, and plain arguments are the same: a file, a folder (its .json "
        "and .json.gz), - (stdin), an http(s) URL, s3://bucket/key, s3://bucket/prefix/, or archive.  "
        "[default: the live feed]",
    ),
    _option("--snapshot-time", type=Time(), metavar="T", help="Names the snapshot of a single --from (UTC)."),
    _option("--since", type=Time(), metavar="T", help="Of several snapshots those from this time on (UTC)."),
    _option("--until", type=Time(), metavar="T", help="Of several snapshots those before this time (UTC)."),
    _option(
        "--shard",
        type=Share(),
        metavar="I/N",
        help="Of several snapshots, by time, those at positions I, I+N, ..., I from 0; in an array job of "
        "AWS Batch or Kubernetes set AQI_SHARD_COUNT instead.  [default: 0/1]",
    ),
    _option("--force", is_flag=True, help="Load snapshots although they are finished."),
    _option(
        "--scale",
        "scale_name",
        type=click.Choice(["daqi", "us-epa", "report"]),
        default="daqi",
        help="The index to score on.",
    ),
    _option("--rescore", is_flag=True, help="Load although the table is scored on another scale."),
    _option("--ttl-days", type=_DAYS, metavar="N", help="Records expire N days after their own time."),
    _option(
        "--keep-days",
        type=_DAYS,
        metavar="N",
        help="With --local: delete finished snapshots older than N.",
    ),
    _option(
        "--max-bytes",
        type=_POSITIVE,
        metavar="N",
        default=2**31,
        help="A snapshot's largest size, decoded.",
    ),
    _option(
        "--max-records",
        type=_POSITIVE,
        metavar="N",
        default=1_000_000,
        help="A snapshot's largest number of records.",
    ),
    _option(
        "--load-deadline",
        type=Number(1, YEAR),
        metavar="SECONDS",
        help="Then a load ends as incomplete.  [default: daemon 3/4 of the interval, --load-only none]",
    ),
    _option("--dry-run", is_flag=True, help="Parse and score, call no AWS, write nothing."),
    _option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Form of the log."),
    _option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        help="Least level that is logged.",
    ),
)


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
        *_OPTIONS,
        click.Argument(["arguments"], nargs=-1, metavar="[SOURCE]..."),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Say which.",
        ),
    ],
    callback=_run,
    context_settings={"max_content_width": 110},
    help=(
        "Load Sensor.Community's 24-hour means into S3 and DynamoDB, score them, and serve them over TCP.\n\n"
        "Every option is also an environment variable, AQI_ and its name; the flag wins. AWS credentials, "
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
    """Run the program, and say what ended it."""
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
    """Return the log's form as far as it can be told before anything is checked."""
    context = _COMMAND.make_context("aqi-service", list(arguments), resilient_parsing=True)
    return context.params.get("log_format") or "text"


def _main(argv: list[str]) -> int:
    """Read the command line, which prints what --help and --version ask for, and run what it says."""
    try:
        context = _COMMAND.make_context("aqi-service", list(argv))
    except click.exceptions.Exit as end:
        return end.exit_code
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whoever read it wants no more
            told = f"aqi-service: the output cannot be written: {error.strerror or error}"
            say("output_not_written", told, {"error": str(error)}, level=logging.ERROR)
        _drop_stdout()
        return EXIT_TRY_AGAIN
    with context:
        return int(_COMMAND.invoke(context))


def _drop_stdout() -> None:
    """Send what could not be printed nowhere, or the interpreter would try, and complain, once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def option_names() -> dict[str, click.Option]:
    """Return every option by its flag."""
    return {p.opts[0]: p for p in _COMMAND.params if isinstance(p, click.Option)}


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return a warning for every AQI_ variable that no option reads, with the nearest that one does."""
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
