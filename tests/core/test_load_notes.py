"""Notes on loads: who has ended before whom, and what memory cannot vouch for."""

from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.load_notes import (
    FORGOTTEN_SECONDS,
    MOST_ENDED,
    NO_DOUBT,
    Note,
    covered_by,
    doubt,
    end,
    notes_of,
    settle,
    with_notes,
)
from tests.doubles.documents import QUICK

NOW = 1_703_095_265
RUNNING = Note(until=NOW, began=NOW - 60, leased=False, what="")
ENDED = Note(until=NOW, began=NOW - 60, leased=False, what="", ended=True)
NOTES = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        Note,
        until=st.integers(NOW - 5, NOW),
        began=st.integers(NOW - 2 * FORGOTTEN_SECONDS, NOW),
        leased=st.booleans(),
        what=st.sampled_from(["", "x", "y"]),
        process=st.sampled_from(["", "p", "q"]),
        ended=st.booleans(),
    ),
)


@QUICK
@given(NOTES)
def test_notes_are_read_as_they_were_written_and_change_nothing_beside_them(notes: dict[str, Note]) -> None:
    document = with_notes({"snapshot": "x"}, notes)
    assert notes_of(document) == notes
    assert with_notes(document, {}) == {"snapshot": "x"}


def test_what_cannot_be_read_of_a_note_counts_as_the_most_that_it_may_say() -> None:
    [note] = notes_of({"unsettled": {"a": {"of": "tomorrow"}}}).values()
    assert doubt({"a": note}, "p", frozenset(), NOW).ended == {"a"}
    assert doubt({"a": note}, "p", frozenset(), NOW).until > NOW
    assert notes_of({"unsettled": 5}) == notes_of(None) == {}


def test_a_load_covers_those_that_ended_before_it_began() -> None:
    notes = {
        "running": RUNNING,
        "ended": ENDED,
        "leased": _with(leased=True),
        "of yesterday": _with(began=NOW - FORGOTTEN_SECONDS),
    }
    ours = _with(began=NOW)
    assert covered_by(ours, notes) == {"ended", "of yesterday"}
    assert covered_by(_with(began=NOW, leased=True), notes) == {"ended", "of yesterday", "leased"}


def test_a_load_that_becomes_the_latest_takes_out_its_note_and_those_that_it_covers() -> None:
    notes = {"a": ENDED, "b": RUNNING, "ours": RUNNING}
    assert settle(notes, "ours", frozenset("a")) == {"b": RUNNING}


@QUICK
@given(NOTES, st.sampled_from("abcdef"), st.frozensets(st.sampled_from("abcdef")), st.sampled_from(["", "x"]))
def test_whatever_ends_nothing_that_was_in_doubt_is_forgotten(
    notes: dict[str, Note], ours: str, covered: frozenset[str], what: str
) -> None:
    after = end(notes, ours, covered, what)
    for process in ("p", "q", "z"):
        for known in (frozenset[str](), frozenset(key for key, note in notes.items() if note.ended)):
            for key, note in notes.items():
                if note.process == process or key in known:
                    continue
                left = doubt(after, process, known, NOW)
                assert left.until >= note.until
    assert not any(after[key].ended is False for key in {ours, *covered} & after.keys())


def test_notes_of_loads_that_ended_do_not_grow_without_bound() -> None:
    notes: dict[str, Note] = {}
    for number in range(100):
        key = str(number)
        notes = dict(end({**notes, key: _with(until=NOW - number)}, key, frozenset()))
    assert len(notes) <= MOST_ENDED + 1
    assert max(note.until for note in notes.values()) == NOW


def test_a_process_does_not_doubt_what_its_own_loads_wrote_nor_what_it_has_compared() -> None:
    notes = {"own": _with(process="p"), "known": ENDED}
    assert doubt(notes, "p", frozenset({"known"}), NOW) == (NO_DOUBT, frozenset(), NO_DOUBT)
    assert doubt(notes, "q", frozenset(), NOW) == (NOW, frozenset({"known"}), NOW)


def _with(**changes: object) -> Note:
    return Note(**({"until": NOW, "began": NOW - 60, "leased": False, "what": ""} | changes))  # type: ignore[arg-type]
