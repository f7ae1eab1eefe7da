"""Every option, declared once: flag, environment variable, type, default and help.

One rule: an option is a row here, a field in `option_values`, and, if not every value is allowed, a row in
`option_rules`.
"""

from pathlib import Path
from typing import Any

import click

from aqi_service.app.option_types import File, FileOrObject, Folder, Number, Share, Switch, Time, Whole
from aqi_service.core.costs import PRICE_PER_MILLION, PRICE_SINCE

ENV_PREFIX = "AQI_"

FEED_URL = "https://data.sensor.community/static/v2/data.24h.json"


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

OPTIONS = (
    _option("--load-only", is_flag=True, help="Load, then exit (backfills)."),
    _option("--serve-only", is_flag=True, help="Serve, never load (replicas)."),
    _option("--feed-url", metavar="URL", default=FEED_URL, help="The live feed."),
    _option(
        "--contact",
        metavar="TEXT",
        help="Sent in the User-Agent; the feed's operators ask for it.",
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
        "--create",
        is_flag=True,
        help="Create the bucket and the table, or what they lack (always on with --local).",
    ),
    _option("--host", metavar="ADDRESS", default="127.0.0.1", help="Address of the TCP server."),
    _option(
        "--port", type=_PORT, metavar="N", default=12_000, help="Port of the TCP server; 0 takes a free one."
    ),
    _option(
        "--tls-cert",
        metavar="FILE",
        type=File(path_type=Path),
        help="Serve TLS with this certificate and its chain (PEM); SIGHUP reads the file again.  "
        "[default: plain TCP]",
    ),
    _option(
        "--tls-key",
        metavar="FILE",
        type=File(path_type=Path),
        help="The certificate's key.  [default: in the file of --tls-cert]",
    ),
    _option(
        "--tls-client-ca",
        metavar="FILE",
        type=File(path_type=Path),
        help="Clients must show a certificate that one of these authorities signed.  [default: off]",
    ),
    _option(
        "--http-host", metavar="ADDRESS", default="127.0.0.1", help="Address of the map, API and health."
    ),
    _option(
        "--http-port",
        type=_PORT,
        metavar="N",
        help="Port of the HTTP server; 0 takes a free one.  [default: 8080]",
    ),
    _option("--no-http", is_flag=True, help="No HTTP port."),
    _option(
        "--tiles",
        metavar="URL",
        help="Street tiles for the map: a URL with {z}, {x} and {y}. Browsers then ask that host too.  "
        "[default: none]",
    ),
    _option("--tiles-attribution", metavar="TEXT", help="The author of the tiles, whom the map names."),
    _option(
        "--max-connections",
        type=_POSITIVE,
        metavar="N",
        help="Most TCP connections at one time.  [default: from the descriptor limit, at most 10,000]",
    ),
    _option(
        "--max-per-address",
        type=Whole(min=0),
        metavar="N",
        help="Most TCP connections of one address; 0 sets no limit.  [default: half of --max-connections]",
    ),
    _option(
        "--read-units",
        type=_POSITIVE,
        metavar="N",
        default=200,
        help="DynamoDB read units a second that all requests for histories and days may use.",
    ),
    _option(
        "--max-write-units",
        type=_POSITIVE,
        metavar="N",
        help="DynamoDB write units a second that this process may use.  [default: what the table takes]",
    ),
    _option(
        "--price-per-million",
        type=Number(min=0),
        metavar="DOLLARS",
        default=PRICE_PER_MILLION,
        help="Price of a million write units, for the estimate of a --dry-run; the default is the price of "
        f"{PRICE_SINCE}.",
    ),
    _option("--interval", type=_SECONDS, metavar="SECONDS", default=3600, help="Time between loads."),
    _option(
        "--from",
        "sources",
        metavar="SOURCE",
        multiple=True,
        help="What to load, with --load-only; can be given many times; a plain argument means the same. A "
        "file, a folder (its .json and .json.gz), - (stdin), an http(s) URL, s3://bucket/key, "
        "s3://bucket/prefix/, or archive; also Sensor.Community's daily CSVs, in folders, tars, zips or "
        "under a prefix.  [default: the live feed]",
    ),
    _option(
        "--snapshot-time",
        type=Time(),
        metavar="T",
        help="The time that names the snapshot of a single --from (UTC).",
    ),
    _option(
        "--since", type=Time(), metavar="T", help="Of several snapshots, load those from this time on (UTC)."
    ),
    _option(
        "--until", type=Time(), metavar="T", help="Of several snapshots, load those before this time (UTC)."
    ),
    _option(
        "--shard",
        type=Share(),
        metavar="I/N",
        help="Of several snapshots, sorted by time, load those at positions I, I+N, ... (I counts from 0). "
        "In an array job of AWS Batch or Kubernetes set AQI_SHARD_COUNT instead.  [default: 0/1]",
    ),
    _option(
        "--export",
        metavar="PATH",
        help="With --load-only: also write every scored record to a .csv or .ndjson file (.gz too), to - "
        "(CSV; the reports then go to stderr), or as Parquet to a folder or s3://bucket/prefix/.  "
        "[default: off]",
    ),
    _option(
        "--exclude-sensors",
        metavar="FILE",
        type=FileOrObject(path_type=Path),
        help="Sensors that are neither stored nor served, one id a line; SIGHUP reads the file again. With "
        "--load-only or --delete-excluded it can be s3://bucket/key.  [default: none]",
    ),
    _option(
        "--delete-excluded",
        is_flag=True,
        help="Delete the records of those sensors from the table, then exit; with --dry-run only count them.",
    ),
    _option("--force", is_flag=True, help="Load finished snapshots again."),
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
        help="With --local: delete finished snapshots older than N days.",
    ),
    _option(
        "--max-bytes",
        type=_POSITIVE,
        metavar="N",
        default=2**31,
        help="Largest size of a snapshot, decoded, in bytes.",
    ),
    _option(
        "--max-records",
        type=_POSITIVE,
        metavar="N",
        default=1_000_000,
        help="Most records of a snapshot.",
    ),
    _option(
        "--load-deadline",
        type=Number(1, YEAR),
        metavar="SECONDS",
        help="After this time a load ends as incomplete.  "
        "[default: daemon 3/4 of the interval, --load-only none]",
    ),
    _option(
        "--cloudwatch",
        metavar="NAMESPACE",
        help="Send metrics of each load of the live feed to this namespace of CloudWatch.  [default: off]",
    ),
    _option(
        "--dry-run",
        is_flag=True,
        help="With --load-only: parse and score, but write nothing and do not call AWS.",
    ),
    _option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Form of the log."),
    _option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        help="Lowest level that is logged.",
    ),
)
