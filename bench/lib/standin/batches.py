"""The items of a BatchWriteItem, found in its text.

One rule: an item's text is kept as it came; to decode it would take longer than all the rest.
"""

import re

import orjson

_PUT = re.compile(rb'"PutRequest": ?\{"Item": ?(\{(?:"[^"\\]*+": ?\{"[SN]": ?"[^"\\]*+"\},? ?)*\})\}')
"""A put of texts and numbers, as it stands in a request: to decode it would take longer than all the rest."""

_ID = re.compile(rb'"id": ?\{"[SN]": ?"([^"]*)"')
_TABLE = re.compile(rb'\{"RequestItems": ?\{("[^"]*")')


def puts(body: bytes) -> tuple[bytes, list[bytes]]:
    """Return the table's name, in quotes, and the items' texts; other types than those are decoded."""
    texts, table = _PUT.findall(body), _TABLE.match(body)
    if table and len(texts) == body.count(b'"PutRequest"'):
        return table[1], texts
    ((name, requests),) = orjson.loads(body)["RequestItems"].items()
    return orjson.dumps(name), [orjson.dumps(each["PutRequest"]["Item"]) for each in requests]


def id_of(text: bytes) -> str | None:
    """Return the id in an item's text."""
    match = _ID.search(text)
    return match[1].decode() if match else None
