"""The command line's decisions, validated and frozen, and what follows from them.

One rule: only app/ sees a Config; other folders take plain values.
"""

import resource
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from aqi_service.app import commands
from aqi_service.app.option_rules import broken
from aqi_service.app.option_values import OptionValues, form_of
from aqi_service.core.export_paths import ExportForm, file_of_shard
from aqi_service.core.parse.document import MAX_RECORDS
from aqi_service.core.scales import SCALES
from aqi_service.core.scoring import Scale
from aqi_service.core.tiles import Tiles
from aqi_service.core.times import DAY
from aqi_service.errors import ConfigError
from aqi_service.server.sockets import default_max_connections

DEFAULT_PORT, DEFAULT_HTTP_PORT = 12_000, 8080

SCALE = "daqi"
"""The scale that a command need not name."""

MAX_BYTES = 2**31
"""Largest decoded size of a snapshot by default (the default of --max-bytes)."""


@dataclass(frozen=True, slots=True)
class Config(OptionValues):
    """The options' values, which keep all rules, and what the program derives from them."""

    def __post_init__(self) -> None:
        """Raise ConfigError for an unusable value, and for options that do not go together."""
        for sentence in broken(self):
            raise ConfigError(sentence)

    @property
    def scale(self) -> Scale:
        """The index to score on."""
        return SCALES[self.scale_name]

    @property
    def street_tiles(self) -> Tiles | None:
        """The map's street tiles, if there are any."""
        return Tiles(self.tiles, self.tiles_attribution or "") if self.tiles else None

    @property
    def export_form(self) -> ExportForm | None:
        """The form that `--export` asks for; None without it."""
        return None if self.export is None else form_of(self.export)

    @property
    def export_path(self) -> str | None:
        """Where `--export` writes; each shard has its own file."""
        if self.export is None or self.export_form is not ExportForm.ROWS:
            return self.export
        return file_of_shard(self.export, self.selection.shard)

    @property
    def reads_all(self) -> bool:
        """Whether finished snapshots are read again."""
        return self.force or self.export is not None

    @property
    def ttl(self) -> int | None:
        """Seconds from a record's time to its expiry."""
        return None if self.ttl_days is None else self.ttl_days * DAY

    @property
    def deadline(self) -> float | None:
        """Seconds for one load: the given ones; else 3/4 of the interval for the daemon, none otherwise."""
        if self.load_deadline is not None or self.load_only:
            return self.load_deadline
        return self.interval * 0.75

    @property
    def connections(self) -> int:
        """How many TCP connections to serve at one time: the given number, if there are descriptors."""
        fit = default_max_connections(self.descriptors)
        return fit if self.max_connections is None else min(self.max_connections, fit)

    @property
    def create_command(self) -> str:
        """The command that creates bucket and table, or what they lack, and loads the feed."""
        options = {
            "scale": None if self.scale_name == SCALE else self.scale_name,
            "bucket-owner": self.bucket_owner,
            "ttl-days": self.ttl_days,
            "exclude-sensors": self._typed_exclusions,
        }
        return f"{commands.service()} --load-only --create {self._place}{_typed(options)}"

    @property
    def archive_command(self) -> str:
        """The command that loads unfinished snapshots of the archive."""
        others = {
            "bucket-owner": self.bucket_owner,
            "ttl-days": self.ttl_days,
            "max-bytes": None if self.max_bytes == MAX_BYTES else self.max_bytes,
            "max-records": None if self.max_records == MAX_RECORDS else self.max_records,
            "exclude-sensors": self._typed_exclusions,
        }
        load = f"{commands.service()} --load-only --from archive {self._place} --scale {self.scale_name}"
        return load + _typed(others)

    @property
    def _typed_exclusions(self) -> str | None:
        return None if self.exclude_sensors is None else shlex.quote(str(self.exclude_sensors))

    @property
    def _place(self) -> str:
        where = f"--bucket {self.bucket}" if self.local is None else f"--local {shlex.quote(str(self.local))}"
        return f"{where} --table {self.table}"

    @property
    def descriptors(self) -> int:
        """How many files and sockets this process may have open; -1 is no limit."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    @property
    def connections_per_address(self) -> int:
        """How many connections one address may have; 0 is no limit."""
        return max(1, self.connections // 2) if self.max_per_address is None else self.max_per_address


def _typed(options: Mapping[str, object]) -> str:
    """Write the options that are set in the form of a command line."""
    return "".join(f" --{name} {value}" for name, value in options.items() if value is not None)
