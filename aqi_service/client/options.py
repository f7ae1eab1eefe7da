"""What the client's command line asks for.

Rule: only values are here, so every part of the client may know them.
"""

from dataclasses import dataclass

from aqi_service.client.choice import USUAL, Choice

QUESTION_OPTIONS = (
    *("sensor", "near", "box", "country", "area", "history", "days"),
    *("number", "km", "since", "until", "indoor", "clean", "scale"),
)
"""Options of the command line that belong to a question, not to ids."""


@dataclass(frozen=True)
class Tls:
    """Files of TLS: authorities (None: the system's), and a certificate with its key (None: none)."""

    ca: str | None
    cert: str | None
    key: str | None


@dataclass(frozen=True)
class Question:
    """A request other than for records by id.

    Attributes:
        kind: the request's name: sensor, near, box, country, area, history or days.
        words: the words behind the name, and behind the place if there is one.
        place: a name to look up, whose coordinates come before `words`; None if there is none.
        each_day: True for the days of every sensor of the place, instead of the sensors.
        times: since and until of history and days (epoch seconds); None if not given.
    """

    kind: str
    words: tuple[str, ...]
    place: str | None = None
    each_day: bool = False
    times: tuple[int | None, int | None] = (None, None)
    choice: Choice = USUAL


@dataclass(frozen=True)
class ClientOptions:
    """What the command line asks for.

    `output_dir` is None if no files are saved, and `asked_for_files` tells that the user named it; `left_out`
    has a sentence for each text on standard input that is no id. With a `question` there are no ids.
    """

    ids: tuple[str, ...]
    host: str
    port: int
    timeout: float
    output_dir: str | None
    format: str
    tls: Tls | None = None
    asked_for_files: bool = False
    left_out: tuple[str, ...] = ()
    question: Question | None = None
