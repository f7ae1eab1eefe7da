"""What values an option may have, and which options go together.

One rule: each rule is a row of two: the condition that breaks it, and the sentence that says what to do.
"""

import math
import re
from collections.abc import Iterator

from aqi_service.app.option_values import FEED_HOST, OptionValues, form_of, host_of
from aqi_service.core.export_paths import ExportForm
from aqi_service.core.s3_urls import ARCHIVE, is_prefix, parse_s3
from aqi_service.core.snapshot_names import can_name
from aqi_service.core.tiles import is_tiles_url
from aqi_service.snapshots.day_packs import is_pack
from aqi_service.snapshots.file_sources import is_folder

LEAST_INTERVAL = 300
"""The feed is regenerated every 5 minutes; its operators ask not to poll faster."""

FROM = (
    "a file, - (standard input), an http(s) URL, s3://bucket/key, s3://bucket/prefix/, a folder, or archive"
)

EXPORTS = (
    "a .csv or .ndjson file (.gz too), CSV to - (standard output), or Parquet to a folder (end its name "
    "with /) or s3://bucket/prefix/"
)

_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_NAMESPACE = re.compile(r"(?!AWS/)[A-Za-z0-9._/#-]{1,255}")
_BUCKET = re.compile(r"[A-Za-z0-9_.-]{3,63}")


def broken(asked: OptionValues) -> Iterator[str]:
    """Give the sentence of each broken rule, those about values first."""
    rules = (*_values(asked), *_commands(asked), *_sources(asked), *_storage(asked))
    return (sentence for wrong, sentence in rules if wrong)


Rules = tuple[tuple[bool, str], ...]


def _values(asked: OptionValues) -> Rules:
    """Return the rules about single options."""
    return (
        (
            host_of(asked.feed_url) is None,
            "--feed-url must be a URL that begins with http:// or https://; files go to --from",
        ),
        (
            asked.interval < LEAST_INTERVAL and asked.is_official_feed,
            f"--interval must be at least {LEAST_INTERVAL} for {FEED_HOST}: it changes every 5 minutes",
        ),
        (not (asked.contact or "").isprintable(), "--contact must be printable text on one line"),
        (not _BUCKET.fullmatch(asked.bucket), "--bucket must be 3 to 63 characters of a-z 0-9 . - (AWS)"),
        (
            not _TABLE.fullmatch(asked.table),
            "--table must be 3 to 255 characters of a-z A-Z 0-9 _ . - (AWS's rule, and a folder's name)",
        ),
        (
            any(
                "://" in source and host_of(source) is None
                for source in asked.sources
                if not parse_s3(source)
            ),
            f"--from reads {FROM}",
        ),
        (
            asked.tiles is not None and not is_tiles_url(asked.tiles),
            "--tiles must be a URL that begins with http:// or https:// and has {z}, {x} and {y}",
        ),
        (
            not (asked.tiles_attribution or "").isprintable(),
            "--tiles-attribution must be printable text on one line",
        ),
        (
            asked.cloudwatch is not None and not _NAMESPACE.fullmatch(asked.cloudwatch),
            "--cloudwatch must be 1 to 255 characters of a-z A-Z 0-9 . - _ / # and not begin with AWS/",
        ),
        (
            asked.export is not None and form_of(asked.export) is None,
            f"--export writes {EXPORTS}",
        ),
        ("" in asked.sources, f"--from reads {FROM}; an empty text names nothing"),
        (asked.sources.count("-") > 1, "--from - reads standard input, which can be read only once"),
        (not math.isfinite(asked.price_per_million), "--price-per-million must be a number of dollars"),
        (
            asked.load_deadline is not None and not math.isfinite(asked.load_deadline),
            "--load-deadline must be a number of seconds; without it a --load-only has no deadline",
        ),
    )


def _commands(asked: OptionValues) -> Rules:
    """Return the rules about what the program does and serves."""
    return (
        (asked.load_only and asked.serve_only, "--load-only and --serve-only exclude each other"),
        (
            bool(asked.sources) and not asked.load_only,
            "--from needs --load-only, and so does a plain argument: the daemon loads the live feed",
        ),
        (
            asked.export is not None and not asked.load_only,
            "--export needs --load-only: it writes the records of a run that ends",
        ),
        (
            asked.dry_run and not (asked.load_only or asked.delete_excluded),
            "--dry-run needs --load-only or --delete-excluded",
        ),
        (
            asked.delete_excluded and (asked.load_only or asked.serve_only),
            "--delete-excluded loads and serves nothing: leave out --load-only and --serve-only",
        ),
        (
            asked.delete_excluded and asked.exclude_sensors is None,
            "--delete-excluded needs --exclude-sensors FILE: it deletes what the table has of those sensors",
        ),
        (
            isinstance(asked.exclude_sensors, str) and not (asked.load_only or asked.delete_excluded),
            "--exclude-sensors s3:// is for --load-only and --delete-excluded: a server needs a file",
        ),
        (
            asked.tls_cert is None and (asked.tls_key, asked.tls_client_ca) != (None, None),
            "--tls-key and --tls-client-ca need --tls-cert: without a certificate there is no TLS",
        ),
        (
            bool(asked.tiles) != bool(asked.tiles_attribution),
            "--tiles and --tiles-attribution need each other: the map must name the author of the tiles",
        ),
    )


def _sources(asked: OptionValues) -> Rules:
    """Return the rules about which snapshots to load."""
    return (
        (
            asked.snapshot_time is not None and (len(asked.sources) != 1 or any(map(_many, asked.sources))),
            "--snapshot-time needs exactly one --from, of one snapshot",
        ),
        (
            asked.snapshot_time is not None and not can_name(asked.snapshot_time),
            "--snapshot-time must lie from 2000 to 2099: a snapshot's name has two digits for the year",
        ),
        (
            not asked.sources
            and (asked.since, asked.until, asked.shard, asked.force) != (None, None, None, False),
            "--since, --until, --shard and --force need --from: they choose among several snapshots",
        ),
        (
            asked.selection.is_empty,
            "--since must be before --until: no snapshot lies between them",
        ),
    )


def _storage(asked: OptionValues) -> Rules:
    """Return the rules about where things are kept."""
    return (
        (
            asked.dry_run
            and not (asked.rescore or _exports_to_s3(asked))
            and any(map(parse_s3, asked.sources)),
            "--dry-run calls no AWS, so it cannot read s3://: copy the object to a file first",
        ),
        (
            asked.dry_run and not asked.rescore and ARCHIVE in asked.sources and asked.local is None,
            "--dry-run calls no AWS, so it cannot read the archive; with --local DIR it can",
        ),
        (
            asked.keep_days is not None and asked.local is None,
            "--keep-days needs --local; on S3 use a lifecycle rule",
        ),
        (
            asked.cloudwatch is not None and (asked.serve_only or asked.dry_run or bool(asked.sources)),
            "--cloudwatch is for loads of the live feed, not for --serve-only, --from or --dry-run",
        ),
        (
            asked.bucket_owner is not None and asked.local is not None,
            "--bucket-owner means nothing with --local",
        ),
        (
            asked.max_write_units is not None and asked.local is not None and not asked.dry_run,
            "--max-write-units limits what DynamoDB bills; with --local it goes only with --dry-run",
        ),
    )


def _exports_to_s3(asked: OptionValues) -> bool:
    """Tell whether the export needs AWS, even if nothing else does."""
    return asked.export is not None and form_of(asked.export) is ExportForm.BUCKET


def _many(source: str) -> bool:
    """Tell whether a source may be several snapshots."""
    place = parse_s3(source)
    return source == ARCHIVE or (is_prefix(place[1]) if place else is_folder(source) or is_pack(source))
