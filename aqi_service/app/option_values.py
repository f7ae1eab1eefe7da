"""The values of all options of a command line, and which hosts they make the program ask.

One rule: one field for each option, in the order of `options`, where the meanings are.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aqi_service.core.export_paths import ExportForm, export_form
from aqi_service.core.selection import WHOLE, Selection, Shard
from aqi_service.snapshots.file_sources import is_folder

FEED_HOST = "data.sensor.community"


@dataclass(frozen=True, slots=True)
class OptionValues:
    """One field for each option."""

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
    max_write_units: int | None
    price_per_million: float
    interval: int
    sources: tuple[str, ...]
    snapshot_time: int | None
    since: int | None
    until: int | None
    shard: Shard | None
    export: str | None
    exclude_sensors: Path | str | None
    delete_excluded: bool
    force: bool
    scale_name: str
    rescore: bool
    ttl_days: int | None
    keep_days: int | None
    max_bytes: int
    max_records: int
    load_deadline: float | None
    cloudwatch: str | None
    dry_run: bool
    log_format: str
    log_level: str

    @property
    def loads_on_schedule(self) -> bool:
        """Whether the program is a daemon that loads."""
        return not (self.load_only or self.serve_only or self.delete_excluded)

    @property
    def selection(self) -> Selection:
        """Which of several snapshots to load."""
        return Selection(self.since, self.until, self.shard or WHOLE)

    @property
    def is_official_feed(self) -> bool:
        """Whether the live feed is Sensor.Community's own, which must not be asked too often."""
        return host_of(self.feed_url) == FEED_HOST

    @property
    def asks_official_feed(self) -> bool:
        """Whether anything is asked of Sensor.Community's own host: by the daemon, or as a source."""
        return FEED_HOST in map(host_of, self.sources or (self.feed_url,))


def form_of(path: str) -> ExportForm | None:
    """Return the form that a path of `--export` asks for; None if it is neither rows nor Parquet."""
    return export_form(path, is_folder=bool(path) and is_folder(path))


def host_of(url: str) -> str | None:
    """Return the host of an http(s) URL; None for anything else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in ("http", "https") else None
