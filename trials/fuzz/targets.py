"""What is fed: the table of targets.

One rule: a target raises one of its own errors, or nothing; anything else that comes out is a failure.
"""

from collections.abc import Callable
from dataclasses import dataclass

from aqi_service.core.frames import MAX_REQUEST, encode
from aqi_service.errors import BadRequest, CutShort, FrameError, ServerGone, SnapshotRejected
from trials.fuzz import days, documents, frames, replies, requests, seeds, words


@dataclass(frozen=True)
class Target:
    """A reader of foreign bytes.

    Attributes:
        seeds: what the inputs are made from.
        run: feeds an input whole and in pieces, and judges what comes of it; raises AssertionError.
        alone: only feeds it, as it arrives; this is what the cost is measured of.
        errors: what may come out of `run`: the input was refused, as it should be.
        plain: writes the costliest input of a size that is as it should be.
        memory: bytes that `alone` may hold at most.
    """

    seeds: tuple[bytes, ...]
    run: Callable[[bytes], None]
    alone: Callable[[bytes], None]
    errors: tuple[type[Exception], ...]
    plain: Callable[[int], bytes]
    memory: int


def _empty_frames(size: int) -> bytes:
    return encode(b"") * (size // 64)


def _numbers(size: int) -> bytes:
    return b"[" + b"1," * (size // 2 - 1) + b"1]"


def _columns(size: int) -> bytes:
    names = b",".join(b"%d" % number for number in range(size // 8))
    return encode(names + b"\r\n" + names + b"\r\n")


def _names(size: int) -> bytes:
    return b"\x1e" * size


def _boxes(size: int) -> bytes:
    """Requests of the most numbers, each as long as it may be."""
    start, end = b"box 1.%b 1.%b 2.%b 2.", b" indoor clean scale us-epa"
    zeros = b"0" * ((MAX_REQUEST - len(start) - len(end)) // 4)
    box = (start % (zeros, zeros, zeros)).ljust(MAX_REQUEST - len(end), b"0") + end
    return box * (size // MAX_REQUEST)


TARGETS = {
    "frames": Target(
        seeds.REQUESTS + seeds.REPLIES,
        frames.frames,
        frames.frames_alone,
        (FrameError,),
        _empty_frames,
        200_000,
    ),
    "requests": Target(
        seeds.REQUESTS,
        requests.requests,
        requests.requests_alone,
        (FrameError,),
        _empty_frames,
        2_000_000,
    ),
    "words": Target(
        seeds.WORDS,
        words.words,
        words.words_alone,
        (BadRequest,),
        _boxes,
        200_000,
    ),
    "splitter": Target(
        seeds.DOCUMENTS,
        documents.splitter,
        documents.splitter_alone,
        (CutShort, SnapshotRejected),
        _numbers,
        8_000_000,
    ),
    "items": Target(
        seeds.DOCUMENTS,
        documents.items,
        documents.items_alone,
        (CutShort, SnapshotRejected),
        _numbers,
        8_000_000,
    ),
    "ordinary": Target(
        seeds.DOCUMENTS,
        documents.ordinary,
        documents.items_alone,
        (CutShort, SnapshotRejected),
        _numbers,
        8_000_000,
    ),
    "days": Target(
        days.SEEDS,
        days.days,
        days.days_alone,
        (),
        days.rows,
        16_000_000,
    ),
    "replies": Target(
        seeds.REPLIES,
        replies.replies,
        replies.replies_alone,
        (ServerGone,),
        _columns,
        8_000_000,
    ),
    "attributes": Target(
        seeds.ATTRIBUTES,
        documents.attributes,
        documents.attributes_alone,
        (),
        _names,
        4_000_000,
    ),
}
