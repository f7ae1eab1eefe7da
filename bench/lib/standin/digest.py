"""The sum of a table's items, by which what arrived is compared with what was to arrive."""

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson


def digest(items: Any, without: Sequence[str]) -> dict[str, Any]:
    """Sum up items given as attribute values, in any order; `without` are attributes that do not count."""
    total, number = 0, 0
    for item in items:
        kept = {name: value for name, value in item.items() if name not in without}
        text = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
        total += int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
        number += 1
    return {"items": number, "sum": f"{total % 2**64:016x}"}
