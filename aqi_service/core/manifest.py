"""Which snapshot `latest.json` names: what its manifest says, and when another snapshot replaces it.

One rule: a manifest here is in its printed form, as any version may have written it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from aqi_service.core.load_notes import Noted, ended_of, notes_of, settle, with_notes
from aqi_service.core.report import Status
from aqi_service.core.snapshot_names import parse_name
from aqi_service.core.snapshot_version import SnapshotVersion, is_behind
from aqi_service.core.times import feed_time
from aqi_service.core.witness import with_witness, witness_of

Manifest = dict[str, Any]


def data_time(latest: Mapping[str, Any] | None) -> int | None:
    """Return the data's time from `latest.json` (epoch seconds): good enough for reading, not for deleting.

    If the version that wrote it kept no witness, it is the newest record's time, of a load that put a record
    into the table.
    """
    witness = witness_of(latest)
    return _newest_of(latest) if witness is None else witness.time


def _newest_of(manifest: Mapping[str, Any] | None) -> int | None:
    if manifest is None or not any(manifest.get(fate) for fate in ("stored", "unchanged", "superseded")):
        return None
    return feed_time(manifest.get("newest"))


def version_of(manifest: Mapping[str, Any]) -> SnapshotVersion | None:
    """Return which load of which snapshot a printed report describes; None if it does not say."""
    named, records = parse_name(str(manifest.get("snapshot"))), manifest.get("records")
    if named is None or not isinstance(records, int):
        return None
    name, snapshot_time = named
    snapshot_time = feed_time(manifest.get("snapshot_time")) or snapshot_time
    newest = min(feed_time(manifest.get("newest")) or 0, snapshot_time)
    warnings = manifest.get("warnings")
    return SnapshotVersion(
        snapshot=name,
        snapshot_time=snapshot_time,
        scale=str(manifest.get("scale")),
        records=records,
        newest=newest,
        started=str(manifest.get("started")),
        sha256=_text(manifest.get("sha256")),
        program=_text(manifest.get("version")),
        not_24h_mean=isinstance(warnings, dict) and bool(warnings.get("not_24h_mean")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def moved(
    there: Manifest | None, ours: Manifest, noted: Noted, *, since: int | None = None, ahead: bool
) -> Manifest | None:
    """Return what `latest.json` must say when our load is complete; None if it must not change.

    Nearly all of our records are of time `since` or later (epoch seconds). `ahead` tells that the snapshot in
    `latest.json` is named ahead of the clock.
    """
    notes = notes_of(there)
    if not _stays(there, ours, replay=noted.replay, ahead=ahead):
        return with_notes(with_witness(ours, since, there), settle(notes, noted.load_id, noted.covered))
    after = ended_of(notes, noted, noted.note.what)
    return None if after == notes else with_notes(there, after)


def _stays(there: Manifest | None, ours: Manifest, *, replay: bool, ahead: bool) -> bool:
    """Tell whether `latest.json` keeps its snapshot, of this creation of the table, beside ours."""
    if there is None or there.get("table_id") != ours["table_id"]:
        return False
    theirs, our = version_of(there), version_of(ours)
    if theirs is None or our is None:
        return False
    if replay and our.not_24h_mean and not theirs.not_24h_mean:
        return True  # values of 5 minutes take no means of 24 hours out of what lookups see
    if ahead:  # its time says nothing; its data still does
        return replay and our.newest < theirs.newest
    return is_behind(our, theirs, replay=replay)


class Claim(NamedTuple):
    """What a manifest says of the table that has all of the snapshot.

    Attributes:
        table_id: which creation of the table it is.
        receipt: a text that the table knows unless it was put back to an earlier state; None if the table
            gave none, or if the version that wrote the manifest asked for none.
        sha256: of the snapshot's content.
    """

    table_id: object
    receipt: str | None
    sha256: str | None


def is_complete(manifest: Manifest | None) -> bool:
    """Tell whether the manifest says that the snapshot was loaded as a whole."""
    return manifest is not None and manifest.get("status") == Status.COMPLETE


def lacks_expired(manifest: Manifest, ttl: int | None) -> bool:
    """Tell whether records expired in the load that live with this `ttl` in seconds (None: for ever)."""
    return bool(manifest.get("expired")) and (ttl is None or ttl > (manifest.get("ttl") or 0))


def claim_of(manifest: Manifest) -> Claim:
    """Return what a manifest says of its table."""
    receipt = manifest.get("receipt")  # versions before it wrote none
    receipt = None if receipt is None else str(receipt)
    return Claim(manifest.get("table_id"), receipt, _text(manifest.get("sha256")))


def outranks(there: Manifest | None, ours: Manifest) -> bool:
    """Tell whether a snapshot's manifest says more than ours: that the snapshot is finished."""
    if there is None or not is_complete(there) or is_complete(ours):
        return False
    return bool(there.get("scale") == ours["scale"]) and ours["table_id"] in (None, there.get("table_id"))
