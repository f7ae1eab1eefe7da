"""What each session of the SDK would do anew, done once a process.

One rule: no request and no answer is another; what is kept is what every session of a process finds alike.
"""

import asyncio
import importlib
import pkgutil
import ssl
from functools import cache
from typing import Any

import botocore.httpsession
from botocore.hooks import EventAliaser
from botocore.loaders import JSONFileLoader, Loader


class LazyContext(ssl.SSLContext):
    """Reads the authorities that everybody has when TLS begins, which it never does towards moto."""

    _unread: str | None = None

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        """Load what is named; what everybody has is put off."""
        if (cafile, capath, cadata) == (botocore.httpsession.where(), None, None):
            self._unread = cafile
        else:
            super().load_verify_locations(cafile, capath, cadata)

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """Begin TLS."""
        if self._unread:
            super().load_verify_locations(self._unread)
            self._unread = None
        return super().wrap_bio(*arguments, **named)


@cache
def read_models_once() -> None:
    """Have every session of this process share what a session shares among its clients."""
    load: Any = cache(JSONFileLoader().load_file)
    services: dict[tuple[Any, ...], list[str]] = {}
    names: dict[str, str] = {}
    begin, look = EventAliaser.__init__, Loader.list_available_services

    def begin_with_names(aliaser: Any, *arguments: Any) -> None:
        begin(aliaser, *arguments)
        aliaser._alias_name_cache = names

    def list_services(library: Any, type_name: str) -> list[str]:
        key = (*library.search_paths, type_name)
        if key not in services:
            services[key] = look(library, type_name)
        return services[key]

    patched: tuple[tuple[Any, str, Any], ...] = (
        (JSONFileLoader, "load_file", lambda _, path: load(path)),
        (Loader, "list_available_services", list_services),
        (EventAliaser, "__init__", begin_with_names),
        (botocore.httpsession, "SSLContext", LazyContext),
    )
    for where, name, value in patched:
        setattr(where, name, value)


EXTRAS = ("pyarrow",)
"""Packages of the program's extras: who has not asked for one does without its modules."""


def import_all() -> None:
    """Do once what each forked process would begin with: import the program, read the SDK's models."""
    import uvloop  # noqa: F401, PLC0415  # only in the process that forks

    import aqi_service  # noqa: PLC0415  # likewise
    from aqi_service.storage.aws.clients import open_clients  # noqa: PLC0415  # likewise

    for module in pkgutil.walk_packages(aqi_service.__path__, "aqi_service."):
        if not module.name.endswith(".__main__"):
            _import(module.name)
    read_models_once()

    async def open_once() -> None:
        async with open_clients():
            pass

    asyncio.run(open_once())


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
