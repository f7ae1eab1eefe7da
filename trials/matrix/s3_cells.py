"""S1 to S7 and S9: what S3 does to a load.

One rule: after a fault that passes the load is complete; after one that stays it failed, and left nothing.
"""

from collections.abc import Iterator

from aqi_service.core.report import LoadReport, Status
from aqi_service.storage.aws.s3_upload import PART_SIZE, PARTS_IN_FLIGHT
from tests.doubles.faults.effects import (
    EMPTY_200,
    ERROR_200,
    INTERNAL_ERROR,
    LOST_ANSWER,
    RESET_AFTER,
    RESET_BEFORE,
    SLOW_DOWN,
    STALL,
    STALL_AFTER,
    TOO_MANY,
    Cut,
    Delay,
    Effect,
    Hollow,
    Refuse,
)
from tests.doubles.faults.rules import Rule
from tests.doubles.feed_server import Step, head
from tests.doubles.load_helpers import NAME
from trials.matrix.cells import PATTERNS, SHORT, SMALL, TWO_PARTS, Cell, Check, Script, on
from trials.matrix.ground import Ground

COMPLETE, FAILED, INCOMPLETE = (Status.COMPLETE,), (Status.FAILED,), (Status.INCOMPLETE,)
SECOND = "data_20_12_23_18_01-2.json"
PASSING: dict[str, Effect] = {
    "429": TOO_MANY,
    "500": INTERNAL_ERROR,
    "503 SlowDown": SLOW_DOWN,
    "reset": RESET_BEFORE,
    "no answer": STALL,
}
APPLIED: dict[str, Effect] = {
    "reset after": RESET_AFTER,
    "answer lost": LOST_ANSWER,
    "silent after": STALL_AFTER,
    "answer cut": Cut(20),  # of those calls whose answer has a body
    "500 after": Refuse("InternalError", applied=True),
}
CREATE = "CreateMultipartUpload"
SPOKEN = (CREATE, "CompleteMultipartUpload")
UPLOADS = (CREATE, "UploadPart", "CompleteMultipartUpload")
ABORT = "AbortMultipartUpload"


def cut_short(_found: Ground, body: bytes) -> tuple[Step, ...]:
    """Script a feed that breaks off before the last byte, so that the upload is aborted."""
    return (head(Content_Length=len(body)), body[:-1])


def s1() -> Iterator[Cell]:
    for fault, effect in PASSING.items():
        for pattern in PATTERNS:
            for call in UPLOADS:
                ends = FAILED if pattern == "always" else COMPLETE
                yield Cell("S1", fault, call, pattern, ends, on(call, effect, pattern), TWO_PARTS)
            yield Cell(
                *("S1", fault, ABORT, pattern, FAILED, on(ABORT, effect, pattern), SHORT),
                script=cut_short,
                left_to_sweep=pattern == "always" or effect is STALL,
            )


def s2() -> Iterator[Cell]:
    for fault, effect in APPLIED.items():
        spoken = isinstance(effect, Cut)
        for pattern in ("once", "always"):
            for call in SPOKEN if spoken else UPLOADS:
                stays = pattern == "always" and call != "CompleteMultipartUpload"
                rules = on(call, effect, pattern)
                yield Cell(
                    *("S2", fault, call, pattern, FAILED if stays else COMPLETE, rules, TWO_PARTS),
                    left_to_sweep=call == CREATE,  # nothing tells it from another load's
                )
            if not spoken:
                rules = on("PutObject", effect, pattern, "*/manifests/*")
                ends = INCOMPLETE if pattern == "always" else COMPLETE
                yield Cell("S2", fault, "PutObject manifests", pattern, ends, rules)


def s3() -> Iterator[Cell]:
    hollow = {"an error inside": ERROR_200.code, "no ETag": EMPTY_200.code}
    for fault, code in hollow.items():
        for done in (False, True):
            for pattern in PATTERNS:
                stays = pattern == "always" and not done
                rules = on("CompleteMultipartUpload", Hollow(code, applied=done), pattern)
                what = f"200 with {fault}, {'done' if done else 'not done'}"
                ends = FAILED if stays else COMPLETE
                yield Cell("S3", what, "CompleteMultipartUpload", pattern, ends, rules)


def s4() -> Iterator[Cell]:
    for fault, other in (("another's object of other content", SHORT), ("another's object, same", SMALL)):
        yield Cell("S4", fault, "CompleteMultipartUpload", script=_foreign(other), check=_named(other))
    for code in ("ConditionalRequestConflict", "PreconditionFailed", "OperationAborted"):
        for pattern in PATTERNS:
            ends = FAILED if pattern == "always" else COMPLETE
            rules = on("CompleteMultipartUpload", Refuse(code), pattern)
            yield Cell("S4", code, "CompleteMultipartUpload", pattern, ends, rules)


def _foreign(other: bytes) -> Script:
    def script(found: Ground, body: bytes) -> tuple[Step, ...]:
        async def put() -> None:
            await found.world.s3.put_object(Bucket=found.world.bucket, Key=NAME, Body=other)

        return (head(Content_Length=len(body)), body[:-1], put, body[-1:])

    return script


def _named(other: bytes) -> Check:
    def check(_found: Ground, report: LoadReport) -> None:
        assert report.snapshot == (NAME if other == SMALL else SECOND)

    return check


def s5() -> Iterator[Cell]:
    for code, done in (("AccessDenied", False), ("NoSuchUpload", True), ("ServiceUnavailable", False)):
        for pattern in PATTERNS:
            rules = on(ABORT, Refuse(code, applied=done), pattern)
            left = not done and (pattern == "always" or code == "AccessDenied")
            yield Cell(
                *("S5", code, ABORT, pattern, FAILED, rules, SHORT), script=cut_short, left_to_sweep=left
            )


def s6() -> Iterator[Cell]:
    sizes = {
        "far under a part": len(SHORT),
        "a byte under a part": PART_SIZE - 1,
        "a part": PART_SIZE,
        "a byte over a part": PART_SIZE + 1,
        "two parts": 2 * PART_SIZE,
        "a byte under two parts": 2 * PART_SIZE - 1,
    }
    for name, size in sizes.items():
        body = SHORT[:-1] + b" " * (size - len(SHORT)) + b"]"
        yield Cell("S6", name, "UploadPart", body=body, check=_parts(-(-size // PART_SIZE)))


def _parts(number: int) -> Check:
    def check(found: Ground, _report: LoadReport) -> None:
        assert found.journal.applied("UploadPart") == number

    return check


def _bounded(found: Ground, _report: LoadReport) -> None:
    assert 1 <= found.journal.peak("UploadPart") <= PARTS_IN_FLIGHT


def s7() -> Iterator[Cell]:
    body = SHORT[:-1] + b" " * (6 * PART_SIZE) + b"]"
    for call in UPLOADS:
        large = body if call == "UploadPart" else SHORT
        yield Cell("S7", "slow", call, rules=(Rule(call, Delay(20.0)),), body=large, check=_bounded)


def s9() -> Iterator[Cell]:
    for call in UPLOADS:
        for fault, effect in (("cancelled before", STALL), ("cancelled after", STALL_AFTER)):
            seen = call == "CompleteMultipartUpload" and effect is STALL_AFTER
            rules = on(call, effect, "once")
            ends = INCOMPLETE if seen else FAILED
            left = call == CREATE and effect is STALL_AFTER
            yield Cell(
                *("S9", fault, call, "", ends, rules, TWO_PARTS),
                cancel=call,
                check=_interrupted,
                left_to_sweep=left,
            )


def _interrupted(_found: Ground, report: LoadReport) -> None:
    assert report.error == "interrupted"


S3_CELLS = [cell for cells in (s1, s2, s3, s4, s5, s6, s7, s9) for cell in cells()]
