"""Places of snapshots as a person writes them, and which keys under a prefix are snapshots.

One rule: a key is taken as it is written; nothing in it is decoded.
"""

ARCHIVE = "archive"
"""What `--from` calls all snapshots of the archive."""

NOT_SNAPSHOTS = frozenset({"rejects", "manifests", "uploads"})
"""Folders whose JSON is this program's own notes."""

_SCHEME = "s3://"

SNAPSHOT_ENDINGS = (".json", ".json.gz")
"""How names of snapshots end, in a prefix or a folder."""


def parse_s3(url: str) -> tuple[str, str] | None:
    """Return the bucket and the key or prefix of an `s3://` URL; None for what is none or names no bucket."""
    if url[: len(_SCHEME)].lower() != _SCHEME:
        return None
    bucket, _, key = url[len(_SCHEME) :].partition("/")
    return (bucket, key) if bucket else None


def is_prefix(key: str) -> bool:
    """Tell whether the key stands for all that begin with it: it is empty, or a folder's."""
    return not key or key.endswith("/")


def is_snapshot_key(key: str) -> bool:
    """Tell whether a prefix takes this key: its name is one of JSON, and it lies in no folder of notes."""
    *folders, name = key.split("/")
    return name.endswith(SNAPSHOT_ENDINGS) and NOT_SNAPSHOTS.isdisjoint(folders)
