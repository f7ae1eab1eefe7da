"""The SDK's models, read once a process: each session would take a tenth of a second to decode them."""

import asyncio
import importlib
import pkgutil
from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader


def read_models_once() -> None:
    """Have every session of this process share what a session shares among its clients."""
    if not hasattr(JSONFileLoader.load_file, "cache_info"):
        loader: Any = JSONFileLoader()
        kept = cache(JSONFileLoader.load_file)
        JSONFileLoader.load_file = lambda _, path: kept(loader, path)  # type: ignore[method-assign, assignment]


def import_all() -> None:
    """Do once what each forked process would begin with: import the program, read the SDK's models."""
    import uvloop  # noqa: F401, PLC0415  # only in the process that forks

    import aqi_service  # noqa: PLC0415  # likewise
    from aqi_service.storage.aws.clients import open_clients  # noqa: PLC0415  # likewise

    for module in pkgutil.walk_packages(aqi_service.__path__, "aqi_service."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
    read_models_once()

    async def open_once() -> None:
        async with open_clients():
            pass

    asyncio.run(open_once())
