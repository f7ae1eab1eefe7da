"""What the client's command line asks for.

Rule: nothing but values, so that every part of the client may know them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tls:
    """Files of TLS: authorities (None: the system's), and a certificate with its key (None: none)."""

    ca: str | None
    cert: str | None
    key: str | None


@dataclass(frozen=True)
class ClientOptions:
    """What the command line asks for.

    `output_dir` is None where no files are to be saved, and `asked_for_files` tells that somebody named it;
    `left_out` is a sentence for each text on standard input that is no id.
    """

    ids: tuple[str, ...]
    host: str
    port: int
    timeout: float
    output_dir: str | None
    as_json: bool
    tls: Tls | None = None
    asked_for_files: bool = False
    left_out: tuple[str, ...] = ()
