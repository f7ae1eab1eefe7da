"""JSON of every form for the splitter, and what the standard library finds in it."""

import json
import re
from functools import cache
from typing import Any

import orjson
from hypothesis import strategies as st

NASTY = st.text(st.sampled_from('{}[],:"\\ \n/ué€😀'), max_size=8)

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | NASTY

VALUES = st.recursive(
    SCALARS.filter(lambda v: not (isinstance(v, float) and abs(v) == float("inf"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3),
    max_leaves=8,
)

WRITTEN = st.builds(
    lambda value, indent, plain: json.dumps(value, indent=indent, ensure_ascii=plain).encode(),
    VALUES | st.dictionaries(NASTY, VALUES, max_size=4),
    st.sampled_from([None, 0, 1]),
    st.booleans(),
)


@cache
def by_json(document: bytes) -> list[tuple[int, bytes, Any]]:
    """Find the elements of a good array with the standard library; Latin-1 makes a byte a character."""
    text, decoder, blanks = (
        document.decode("latin-1"),
        json.JSONDecoder(strict=False),
        re.compile(r"[ \t\r\n,]*"),
    )
    pos, found = blanks.match(text, text.index("[") + 1).end(), []  # type: ignore[union-attr]  # matches empty
    while text[pos : pos + 1] not in ("", "]"):
        end = decoder.raw_decode(text, pos)[1]
        found.append((pos, document[pos:end], orjson.loads(document[pos:end])))
        pos = blanks.match(text, end).end()  # type: ignore[union-attr]  # it matches the empty text
    return found
