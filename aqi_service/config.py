"""What the command line decided, validated and frozen.

One rule: only cli and the two ways to run it (daemon, once) see a Config; shells take plain values.
"""

import resource
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aqi_service.core.scales import SCALES, Scale
from aqi_service.core.times import DAY
from aqi_service.errors import ConfigError
from aqi_service.listening import default_max_connections

FEED_HOST = "data.sensor.community"
LEAST_INTERVAL = 300
"""The feed is regenerated every 5 minutes; its operators ask not to poll faster."""

DEFAULT_PORT, DEFAULT_HTTP_PORT = 12_000, 8080
PROJECT_URL = "https://pypi.org/project/aqi-service/"


@dataclass(frozen=True, slots=True)
class Config:
    """One field an option; what each means stands beside its declaration in `cli`."""

    load_only: bool
    serve_only: bool
    feed_url: str
    contact: str
    bucket: str
    bucket_owner: str | None
    table: str
    local: Path | None
    create: bool
    host: str
    port: int
    http_host: str
    http_port: int | None
    no_http: bool
    max_connections: int | None
    max_per_address: int | None
    interval: int
    sources: tuple[str, ...]
    snapshot_time: int | None
    scale_name: str
    rescore: bool
    ttl_days: int | None
    keep_days: int | None
    max_bytes: int
    load_deadline: float | None
    dry_run: bool
    log_format: str
    log_level: str

    def __post_init__(self) -> None:
        """Raise ConfigError for options that do not go together."""
        for wrong, sentence in (
            (self.load_only and self.serve_only, "--load-only and --serve-only exclude each other"),
            (self.sources and not self.load_only, "--from needs --load-only: the daemon loads the live feed"),
            (self.dry_run and not self.load_only, "--dry-run needs --load-only"),
            (
                self.snapshot_time is not None and len(self.sources) != 1,
                "--snapshot-time needs exactly one --from",
            ),
            (
                self.keep_days is not None and self.local is None,
                "--keep-days needs --local; on S3 use a lifecycle rule",
            ),
            (self.bucket_owner and self.local, "--bucket-owner means nothing with --local"),
            (
                urlsplit(self.feed_url).hostname == FEED_HOST and self.interval < LEAST_INTERVAL,
                f"--interval must be at least {LEAST_INTERVAL} for {FEED_HOST}: it changes every 5 minutes",
            ),
            (
                not self.feed_url.startswith(("http://", "https://")),
                "--feed-url must begin with http:// or https://; files go to --from",
            ),
        ):
            if wrong:
                raise ConfigError(sentence)

    @property
    def scale(self) -> Scale:
        """The index table to score on."""
        return SCALES[self.scale_name]

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
        """How many TCP connections to serve at once."""
        if self.max_connections is not None:
            return self.max_connections
        return default_max_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    @property
    def connections_per_address(self) -> int:
        """How many of them one address may have; 0 is as many as it likes."""
        return max(1, self.connections // 2) if self.max_per_address is None else self.max_per_address

    @property
    def place(self) -> str:
        """Where everything is kept, for the first line and for sentences."""
        return f"local {self.local}" if self.local else f"bucket {self.bucket}, table {self.table}"
