"""What the client's command line asks for.

Rule: nothing but values, so that every part of the client may know them.
"""

from dataclasses import dataclass

from aqi_service.client.choice import USUAL, Choice

QUESTION_OPTIONS = (
    *("sensor", "near", "box", "country", "area", "history", "days"),
    *("number", "km", "since", "until", "indoor", "clean", "scale"),
)
"""Options of the command line that are about a question, not about ids."""


@dataclass(frozen=True)
class Tls:
    """Files of TLS: authorities (None: the system's), and a certificate with its key (None: none)."""

    ca: str | None
    cert: str | None
    key: str | None


@dataclass(frozen=True)
class Question:
    """What is asked beside records by their ids.

    Attributes:
        kind: the request's name: sensor, near, box, country, area, history or days.
        words: those behind its name; behind the place, where there is one.
        place: a name to be looked up, whose coordinates come before `words`; None for none.
        each_day: the days of every sensor that is there, and not these.
        times: of history and days, since and until (epoch seconds); None is not said.
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

    `output_dir` is None where no files are to be saved, and `asked_for_files` tells that somebody named it;
    `left_out` is a sentence for each text on standard input that is no id. With a `question` there are no
    ids.
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
