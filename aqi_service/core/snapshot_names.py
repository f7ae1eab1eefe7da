"""Names in the archive: a snapshot is named by the UTC minute in which its reading began.

One rule: `data_dd_MM_yy_hh_mm.json` does not sort by time, so nobody compares names; compare their times.
"""

import re
from collections.abc import Container, Sequence
from datetime import UTC, datetime

_COPY = re.compile(
    r"(?: ?\([1-9][0-9]{0,3}\)| - Copy(?: \([1-9][0-9]{0,3}\))?| copy(?: [1-9][0-9]{0,3})?)"
    r"(?=\.json(?:\.gz)?\Z|\.gz\Z|\Z)|(?:(?<=\.json)|(?<=\.json\.gz))\.[1-9][0-9]{0,3}\Z",
    re.ASCII,
)
"""What programs add to a name that is already used: browsers (`x (1).json`, `x(1).json.gz`,
`x.json (1).gz`), Windows (`x - Copy.json`, `x - Copy (2).json`), macOS (`x copy.json`, `x copy 2.json`)
and wget (`x.json.1`)."""

_NAME = re.compile(r"(data_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d\d)(-[1-9][0-9]{0,8})?)\.json(?:\.gz)?", re.ASCII)


_OTHER_MEAN = re.compile(
    r"(?:.*[/\\])?data\.(?:1h|dust\.min)\.json(?:\.gz)?"
    r"|https?://[^?#]*/(?:static/v[0-9]+/data\.json|v1/(?:sensor|filter)/[^?#]*)(?:[?#].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
"""Source: https://github.com/opendata-stuttgart/meta/wiki/EN-APIs"""


def snapshot_name(time: float) -> str:
    """Name the snapshot whose reading began at `time` (epoch seconds)."""
    return datetime.fromtimestamp(time, UTC).strftime("data_%d_%m_%y_%H_%M.json")


def parse_name(text: str) -> tuple[str, int] | None:
    """Return the snapshot's name (without `.gz`) and time (epoch seconds) if the text is such a name."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute = (int(part) for part in match.groups()[1:6])
    try:
        time = datetime(2000 + year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
    return match[1] + ".json", int(time.timestamp())


def parse_file_name(text: str) -> tuple[str, int] | None:
    """Read the name of a person's file: a copy, `data_... (1).json`, is that snapshot too."""
    return parse_name(_COPY.sub("", text, count=1))


def is_other_mean(text: str) -> bool:
    """Tell by its name whether a file or URL has the network's means of 5 minutes or of an hour.

    Most such files can also be recognised by their contents: they have several records for each sensor.
    """
    return _OTHER_MEAN.fullmatch(text) is not None


def can_name(time: float) -> bool:
    """Tell whether a name can hold this time: the year has two digits, for 2000 to 2099."""
    return 2000 <= datetime.fromtimestamp(time, UTC).year < 2100


def order_of(name: str) -> tuple[int, int]:
    """Return the sort key of a snapshot: its time, then the suffix of its name."""
    parsed = parse_name(name)
    if parsed is None:
        return 0, 1
    return parsed[1], int(name.removesuffix(".json").partition("-")[2] or 1)


def first_free(name: str, used: Container[str]) -> str:
    """Return the first of NAME, NAME-2, NAME-3 ... that is not used (for `NAME-5` as well)."""
    stem = re.sub(r"-[1-9][0-9]*$", "", name.removesuffix(".json")) if name in used else ""
    number = 1
    while name in used:
        number += 1
        name = f"{stem}-{number}.json"
    return name


def manifest_key(table: str, name: str) -> str:
    """Return the key of a snapshot's manifest, for one table."""
    return f"manifests/{table}/{name.removesuffix('.json')}.json"


def rejects_key(table: str, name: str) -> str:
    """Return the key of a snapshot's rejected records, for one table."""
    return f"rejects/{table}/{name.removesuffix('.json')}.ndjson"


def source_key(table: str, identity: str) -> str:
    """Return the key of the note on what a source outside the archive was when a table's load read it."""
    return f"manifests/{table}/sources/{identity}.json"


def days_scale_key(table: str) -> str:
    """Return the key of the note on the scale of the days from daily files that a table has."""
    return f"manifests/{table}/days/scale.json"


def latest_key(table: str) -> str:
    """Return the key of the document that names a table's newest finished snapshot."""
    return f"manifests/{table}/latest.json"


def newest_name(names: Sequence[str]) -> str | None:
    """Return the name of the newest of the snapshots; in one minute, the highest suffix."""
    return max(names, key=order_of, default=None)
