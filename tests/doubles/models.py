"""The SDK's models, read once a process: each session would take a tenth of a second to decode them."""

from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader


def read_models_once() -> None:
    """Have every session of this process share what a session shares among its clients."""
    if not hasattr(JSONFileLoader.load_file, "cache_info"):
        loader: Any = JSONFileLoader()
        kept = cache(JSONFileLoader.load_file)
        JSONFileLoader.load_file = lambda _, path: kept(loader, path)  # type: ignore[method-assign, assignment]
