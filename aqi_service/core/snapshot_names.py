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
"""What is added to a name that is there already: by browsers (`x (1).json`, `x(1).json.gz`,
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
    """Read the name of a file of somebody's: a copy, `data_... (1).json`, is that snapshot as well."""
    return parse_name(_COPY.sub("", text, count=1))


def is_other_mean(text: str) -> bool:
    """Tell whether a file, by its name, or a URL has the network's values of 5 minutes or of an hour.

    Most such files show it themselves: they have several records a sensor.
    """
    return _OTHER_MEAN.fullmatch(text) is not None


def can_name(time: float) -> bool:
    """Tell whether a name says this time: the year has two digits, for 2000 to 2099."""
    return 2000 <= datetime.fromtimestamp(time, UTC).year < 2100


def order_of(name: str) -> tuple[int, int]:
    """Return what snapshots are ordered by: time, and of one minute the suffix."""
    parsed = parse_name(name)
    if parsed is None:
        return 0, 1
    return parsed[1], int(name.removesuffix(".json").partition("-")[2] or 1)


def first_free(name: str, used: Container[str]) -> str:
    """Return the first of NAME, NAME-2, NAME-3 ... that is not used (of `NAME-5` that is, too)."""
    stem = re.sub(r"-[1-9][0-9]*$", "", name.removesuffix(".json")) if name in used else ""
    number = 1
    while name in used:
        number += 1
        name = f"{stem}-{number}.json"
    return name


def manifest_key(table: str, name: str) -> str:
    """Where the manifest of a snapshot lies, for one table."""
    return f"manifests/{table}/{name.removesuffix('.json')}.json"


def rejects_key(table: str, name: str) -> str:
    """Where the rejected records of a snapshot lie, for one table."""
    return f"rejects/{table}/{name.removesuffix('.json')}.ndjson"


def source_key(table: str, identity: str) -> str:
    """Where it is noted what a source outside the archive was when a table's load read it."""
    return f"manifests/{table}/sources/{identity}.json"


def days_scale_key(table: str) -> str:
    """Where it is noted on which scale the days of daily files are that a table has."""
    return f"manifests/{table}/days/scale.json"


def latest_key(table: str) -> str:
    """Where the newest finished snapshot of a table is named."""
    return f"manifests/{table}/latest.json"


def newest_name(names: Sequence[str]) -> str | None:
    """Return the name of the newest of the snapshots; of one minute the highest suffix."""
    return max(names, key=order_of, default=None)
