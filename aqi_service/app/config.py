"""What the command line decided, validated and frozen.

One rule: only cli and the two ways to run it (daemon, once) see a Config; shells take plain values.
"""

import math
import re
import resource
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aqi_service.app import commands
from aqi_service.core.parse.document import MAX_RECORDS
from aqi_service.core.s3_urls import ARCHIVE, is_prefix, parse_s3
from aqi_service.core.scales import SCALES, Scale
from aqi_service.core.selection import WHOLE, Selection, Shard
from aqi_service.core.snapshot_names import can_name
from aqi_service.core.tiles import Tiles, is_tiles_url
from aqi_service.core.times import DAY
from aqi_service.errors import ConfigError
from aqi_service.server.sockets import default_max_connections
from aqi_service.snapshots.files import is_folder

FEED_HOST = "data.sensor.community"
LEAST_INTERVAL = 300
"""The feed is regenerated every 5 minutes; its operators ask not to poll faster."""

DEFAULT_PORT, DEFAULT_HTTP_PORT = 12_000, 8080

FROM = (
    "a file, - (standard input), an http(s) URL, s3://bucket/key, s3://bucket/prefix/, a folder, or archive"
)

MAX_BYTES = 2**31
"""Largest decoded size of a snapshot, unless another is asked for (the default of --max-bytes)."""

_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_BUCKET = re.compile(r"[A-Za-z0-9_.-]{3,63}")


@dataclass(frozen=True, slots=True)
class Config:
    """One field an option; what each means stands beside its declaration in `cli`."""

    load_only: bool
    serve_only: bool
    feed_url: str
    contact: str | None
    bucket: str
    bucket_owner: str | None
    table: str
    local: Path | None
    create: bool
    host: str
    port: int
    tls_cert: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    http_host: str
    http_port: int | None
    no_http: bool
    tiles: str | None
    tiles_attribution: str | None
    max_connections: int | None
    max_per_address: int | None
    read_units: int
    interval: int
    sources: tuple[str, ...]
    snapshot_time: int | None
    since: int | None
    until: int | None
    shard: Shard | None
    force: bool
    scale_name: str
    rescore: bool
    ttl_days: int | None
    keep_days: int | None
    max_bytes: int
    max_records: int
    load_deadline: float | None
    dry_run: bool
    log_format: str
    log_level: str

    def __post_init__(self) -> None:
        """Raise ConfigError for a value that cannot be used, and for options that do not go together."""
        for wrong, sentence in (*self._values(), *self._combinations()):
            if wrong:
                raise ConfigError(sentence)

    def _values(self) -> tuple[tuple[bool, str], ...]:
        return (
            (
                _host(self.feed_url) is None,
                "--feed-url must be a URL that begins with http:// or https://; files go to --from",
            ),
            (
                self.interval < LEAST_INTERVAL and self.is_official_feed,
                f"--interval must be at least {LEAST_INTERVAL} for {FEED_HOST}: it changes every 5 minutes",
            ),
            (not (self.contact or "").isprintable(), "--contact must be printable text on one line"),
            (not _BUCKET.fullmatch(self.bucket), "--bucket must be 3 to 63 of a-z 0-9 . - (AWS's rule)"),
            (
                not _TABLE.fullmatch(self.table),
                "--table must be 3 to 255 of a-z A-Z 0-9 _ . - (AWS's rule, and a folder's name)",
            ),
            (
                any(
                    "://" in source and _host(source) is None
                    for source in self.sources
                    if not parse_s3(source)
                ),
                f"--from reads {FROM}",
            ),
            (
                self.tiles is not None and not is_tiles_url(self.tiles),
                "--tiles must be a URL that begins with http:// or https:// and has {z}, {x} and {y}",
            ),
            (
                not (self.tiles_attribution or "").isprintable(),
                "--tiles-attribution must be printable text on one line",
            ),
            ("" in self.sources, f"--from reads {FROM}; an empty text names nothing"),
            (self.sources.count("-") > 1, "--from - reads standard input, which can be read only once"),
            (
                self.load_deadline is not None and not math.isfinite(self.load_deadline),
                "--load-deadline must be a number of seconds; without it a --load-only has none",
            ),
        )

    def _combinations(self) -> tuple[tuple[bool, str], ...]:
        return (
            (self.load_only and self.serve_only, "--load-only and --serve-only exclude each other"),
            (
                bool(self.sources) and not self.load_only,
                "--from needs --load-only, and so does a plain argument: the daemon loads the live feed",
            ),
            (self.dry_run and not self.load_only, "--dry-run needs --load-only"),
            (
                self.tls_cert is None and (self.tls_key, self.tls_client_ca) != (None, None),
                "--tls-key and --tls-client-ca need --tls-cert: without a certificate there is no TLS",
            ),
            (
                bool(self.tiles) != bool(self.tiles_attribution),
                "--tiles and --tiles-attribution need each other: who makes the tiles wants to be named",
            ),
            (
                self.snapshot_time is not None and (len(self.sources) != 1 or any(map(_many, self.sources))),
                "--snapshot-time needs exactly one --from, of one snapshot",
            ),
            (
                self.snapshot_time is not None and not can_name(self.snapshot_time),
                "--snapshot-time must lie from 2000 to 2099: a snapshot's name has two digits for the year",
            ),
            (
                not self.sources
                and (self.since, self.until, self.shard, self.force) != (None, None, None, False),
                "--since, --until, --shard and --force need --from: they choose among several snapshots",
            ),
            (
                self.selection.is_empty,
                "--since must be before --until: no snapshot lies between them",
            ),
            (
                self.dry_run and any(map(parse_s3, self.sources)),
                "--dry-run calls no AWS, so it cannot read s3://: copy the object to a file first",
            ),
            (
                self.dry_run and ARCHIVE in self.sources and self.local is None,
                "--dry-run calls no AWS, so it cannot read the archive; with --local DIR it can",
            ),
            (
                self.keep_days is not None and self.local is None,
                "--keep-days needs --local; on S3 use a lifecycle rule",
            ),
            (
                self.bucket_owner is not None and self.local is not None,
                "--bucket-owner means nothing with --local",
            ),
        )

    @property
    def scale(self) -> Scale:
        """The index table to score on."""
        return SCALES[self.scale_name]

    @property
    def selection(self) -> Selection:
        """Which of several snapshots to load."""
        return Selection(self.since, self.until, self.shard or WHOLE)

    @property
    def street_tiles(self) -> Tiles | None:
        """The map's street tiles, if any were asked for."""
        return Tiles(self.tiles, self.tiles_attribution or "") if self.tiles else None

    @property
    def ttl(self) -> int | None:
        """Seconds from a record's time to its expiry."""
        return None if self.ttl_days is None else self.ttl_days * DAY

    @property
    def deadline(self) -> float | None:
        """Seconds for one load: what was asked for, 3/4 of the interval for the daemon, none otherwise."""
        if self.load_deadline is not None or self.load_only:
            return self.load_deadline
        return self.interval * 0.75

    @property
    def connections(self) -> int:
        """How many TCP connections to serve at once: what was asked for, if there are descriptors enough."""
        fit = default_max_connections(self.descriptors)
        return fit if self.max_connections is None else min(self.max_connections, fit)

    @property
    def create_command(self) -> str:
        """The command that adds what is missing of bucket and table."""
        return f"{commands.service()} --load-only --create {self._place}"

    @property
    def archive_command(self) -> str:
        """The command that loads what is in the archive and not finished."""
        others = {
            "bucket-owner": self.bucket_owner,
            "ttl-days": self.ttl_days,
            "max-bytes": None if self.max_bytes == MAX_BYTES else self.max_bytes,
            "max-records": None if self.max_records == MAX_RECORDS else self.max_records,
        }
        options = "".join(f" --{name} {value}" for name, value in others.items() if value is not None)
        load = f"{commands.service()} --load-only --from archive {self._place} --scale {self.scale_name}"
        return load + options

    @property
    def _place(self) -> str:
        where = f"--bucket {self.bucket}" if self.local is None else f"--local {shlex.quote(str(self.local))}"
        return f"{where} --table {self.table}"

    @property
    def descriptors(self) -> int:
        """How many files and sockets this process may have open; -1 is as many as it likes."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    @property
    def connections_per_address(self) -> int:
        """How many of them one address may have; 0 is as many as it likes."""
        return max(1, self.connections // 2) if self.max_per_address is None else self.max_per_address

    @property
    def is_official_feed(self) -> bool:
        """Whether the live feed is Sensor.Community's own, which is not to be asked too often."""
        return _host(self.feed_url) == FEED_HOST

    @property
    def asks_official_feed(self) -> bool:
        """Whether Sensor.Community's own host is asked for anything: by the daemon, or as a source."""
        return FEED_HOST in map(_host, self.sources or (self.feed_url,))


def _many(source: str) -> bool:
    """Tell whether a source stands for any number of snapshots."""
    place = parse_s3(source)
    return source == ARCHIVE or (is_prefix(place[1]) if place else is_folder(source))


def _host(url: str) -> str | None:
    """Return the host of an http(s) URL; None for anything else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in ("http", "https") else None
