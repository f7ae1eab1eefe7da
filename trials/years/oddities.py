"""What is odd about some daily files: each a file's bytes made into others, by a seed.

One rule: pure; what a reader is to make of it is said by `reference.py` alone.
"""

from collections.abc import Callable, Mapping
from random import Random


def cut_in_its_last_line(body: bytes, chance: Random) -> bytes:
    """Cut a download in its last line, before the last cell begins."""
    whole, _, last = body.rstrip(b"\n").rpartition(b"\n")
    return whole + b"\n" + last[: chance.randint(1, max(1, last.rfind(b";")))]


def with_line_ends_of_windows(body: bytes, chance: Random) -> bytes:
    """End each line as Windows does, behind a byte-order mark."""
    del chance
    return b"\xef\xbb\xbf" + body.replace(b"\n", b"\r\n")


def with_another_header(body: bytes, chance: Random) -> bytes:
    """Be a page of the web server's, or have rows without their header."""
    return b"<html>\n<title>502 Bad Gateway</title>\n" if chance.random() < 0.5 else body.partition(b"\n")[2]


def empty(body: bytes, chance: Random) -> bytes:
    """Have no row, and at times no header either."""
    return b"" if chance.random() < 0.5 else body.partition(b"\n")[0] + b"\n"


def with_rows_of_others(body: bytes, chance: Random) -> bytes:
    """Have rows of another sensor, of another day, with too few cells, without a time, and blank ones."""
    lines = body.splitlines(keepends=True)
    for line in chance.sample(lines[1:], min(4, len(lines) - 1)):
        sensor, rest = line.split(b";", 1)
        day = line[line.index(b"20") :][:10] if b"20" in line else b""
        lines += [
            b"9%b;%b" % (sensor, rest),
            line.replace(day, b"2022-01-01") if day else b"\n",
            rest,
            line.replace(b"T", b"?"),
            b"\n",
        ]
    return b"".join(lines)


ODDITIES: Mapping[str, Callable[[bytes, Random], bytes]] = {
    function.__name__: function
    for function in (
        cut_in_its_last_line,
        with_line_ends_of_windows,
        with_another_header,
        empty,
        with_rows_of_others,
    )
}
