"""Locations of snapshots as a person writes them, and which keys under a prefix are snapshots.

One rule: a key is used as it is written; nothing in it is decoded.
"""

from aqi_service.core.snapshot_names import parse_name

ARCHIVE = "archive"
"""The name for all snapshots of the archive in `--from`."""

NOT_SNAPSHOTS = frozenset({"rejects", "manifests", "uploads"})
"""Folders whose JSON is this program's own notes."""

_SCHEME = "s3://"

SNAPSHOT_ENDINGS = (".json", ".json.gz")
"""Endings of snapshots' names, in a prefix or a folder."""

META_ENDING = ".meta.json"
"""The ending of the file that `--local` keeps beside a snapshot."""


def parse_s3(url: str) -> tuple[str, str] | None:
    """Return the bucket and the key or prefix of an `s3://` URL; None if it is none or names no bucket."""
    if url[: len(_SCHEME)].lower() != _SCHEME:
        return None
    bucket, _, key = url[len(_SCHEME) :].partition("/")
    return (bucket, key) if bucket else None


def is_prefix(key: str) -> bool:
    """Tell whether the key is a prefix for all keys that begin with it: it is empty, or a folder's."""
    return not key or key.endswith("/")


def is_snapshot_key(key: str) -> bool:
    """Tell whether a key under a prefix is a snapshot: it has a JSON name, and is in no folder of notes."""
    *folders, name = key.split("/")
    return is_snapshot_file(name) and NOT_SNAPSHOTS.isdisjoint(folders)


def is_snapshot_file(name: str) -> bool:
    """Tell whether a folder's file is a snapshot: named as JSON, and not what `--local` keeps beside one."""
    beside = name.endswith(META_ENDING) and parse_name(name.removesuffix(META_ENDING) + ".json")
    return name.endswith(SNAPSHOT_ENDINGS) and not beside
