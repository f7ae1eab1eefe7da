"""Notes on loads that write to a table: writes of which the newest finished snapshot does not know.

One rule: a load is noted before its first write, so a load that is killed stays noted. (Until a snapshot is
finished there is no place for notes, and no process that answers from memory.)

The notes stand in `latest.json` beside the snapshot that it names. A load that becomes the latest there
removes its own note, and those of loads that had ended before it began: it compared each of its records with
what they had written. A process that answers from memory compares with the table what the other loads may
have written.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from aqi_service.core.times import DAY

KEY = "unsettled"
"""Where the notes stand in `latest.json`; without any it is left out."""

FORGOTTEN_SECONDS = DAY
"""A load that began this long ago has ended, whatever its note says. (Clocks differ by less than an hour.)"""

MOST_ENDED = 16
"""At most this many notes of ended loads are kept apart."""

_ALWAYS = 2**62

NO_DOUBT = -math.inf
"""No record is as old as this."""


@dataclass(frozen=True, slots=True)
class Note:
    """One load that wrote, or may have written.

    Attributes:
        until: epoch seconds; the load writes no record that was measured later.
        began: epoch seconds.
        leased: True if it held the table's lease: then a later holder knows that this load has ended.
        what: names the document and its scoring; two loads with the same `what` write the same.
        process: the process of the load; empty if that process answers no lookups.
        ended: True once it writes no more.
    """

    until: int
    began: int
    leased: bool
    what: str
    process: str = ""
    ended: bool = False


Notes = Mapping[str, Note]
"""Notes by the random id of the load, in the order in which they were made."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A load as it is noted in `latest.json`, from before its first write until it has ended.

    Attributes:
        load_id: random.
        note: what is noted.
        replay: True unless it loads the live feed.
        covered: the loads that had ended when it began.
        wrote: True from right before its first write.
    """

    load_id: str
    note: Note
    replay: bool
    covered: frozenset[str] = frozenset()
    wrote: bool = False


class Doubt(NamedTuple):
    """The records for which memory may be out of date.

    Attributes:
        until: records measured up to then may be newer in the table.
        ended: the loads that have ended, so one look at the table settles what they wrote.
        ended_until: for that look, records measured up to then must be compared.
    """

    until: float
    ended: frozenset[str]
    ended_until: float


def notes_of(document: Mapping[str, Any] | None) -> Notes:
    """Read the notes in `latest.json`."""
    found = (document or {}).get(KEY)
    return {} if not isinstance(found, dict) else {str(key): _note(value) for key, value in found.items()}


def with_notes(document: Mapping[str, Any] | None, notes: Notes) -> dict[str, Any]:
    """Return the document with these notes instead of its own."""
    bare = {key: value for key, value in (document or {}).items() if key != KEY}
    return bare | ({KEY: {key: asdict(note) for key, note in notes.items()}} if notes else {})


def covered_by(note: Note, notes: Notes) -> frozenset[str]:
    """Return the loads that had ended when the load of this note began; `notes` are those of that moment."""
    return frozenset(
        key for key, each in notes.items() if _has_ended(each, note.began) or (note.leased and each.leased)
    )


def settle(notes: Notes, ours: str, covered: frozenset[str]) -> Notes:
    """Remove our note, and those that we cover: our snapshot is now the newest finished one."""
    return {key: note for key, note in notes.items() if key != ours and key not in covered}


def end(notes: Notes, ours: str, covered: frozenset[str], what: str = "") -> Notes:
    """Note the end of our load, of those that we cover, and (if ours is complete) of those of this `what`."""
    done = {ours, *covered, *(key for key, note in notes.items() if what and note.what == what)}
    running = {key: note for key, note in notes.items() if not note.ended and key not in done}
    ended = {key: note for key, note in notes.items() if note.ended}
    for key, note in notes.items():
        if key in done and not note.ended:
            ended = _with_ended(ended, key, replace(note, ended=True))
    return ended | running


def ended_of(notes: Notes, noted: Noted, what: str = "") -> Notes:
    """Note the end of a load that may have no note yet; `what` is as in `end`."""
    ours = {noted.load_id: noted.note} if noted.wrote else {}
    return end({**ours, **notes}, noted.load_id, noted.covered, what)


def doubt(notes: Notes, process: str, known: frozenset[str], now: float) -> Doubt:
    """Return the doubt of a process that has compared memory with the table for the `known` loads.

    It knows by itself what its own loads wrote.
    """
    others = {key: note for key, note in notes.items() if note.process != process and key not in known}
    ended = {key: note.until for key, note in others.items() if _has_ended(note, now)}
    until = max((note.until for note in others.values()), default=NO_DOUBT)
    return Doubt(until, frozenset(ended), max(ended.values(), default=NO_DOUBT))


def _has_ended(note: Note, now: float) -> bool:
    return note.ended or now - note.began >= FORGOTTEN_SECONDS


def _with_ended(ended: dict[str, Note], key: str, note: Note) -> dict[str, Note]:
    """Add a load that has ended just now.

    A look at the table for this load also shows what earlier ended loads wrote of records up to the same
    time, so their notes go. If there are still too many, the last of the others goes too.
    """
    kept = {each: other for each, other in ended.items() if other.until > note.until}
    if len(kept) >= MOST_ENDED:
        note = replace(note, until=kept.popitem()[1].until)
    gone = [other for each, other in ended.items() if each not in kept]
    if any(other.process != note.process for other in gone):
        note = replace(note, process="")
    return kept | {key: note}


def _note(value: object) -> Note:
    """Read a note; a part that cannot be read counts as the worst that it could say."""
    given: dict[str, Any] = value if isinstance(value, dict) else {}
    until, began = given.get("until"), given.get("began")
    return Note(
        until=until if isinstance(until, int) else _ALWAYS,
        began=began if isinstance(began, int) else 0,
        leased=given.get("leased") is True,
        what=str(given.get("what", "")),
        process=str(given.get("process", "")),
        ended=given.get("ended") is True,
    )
