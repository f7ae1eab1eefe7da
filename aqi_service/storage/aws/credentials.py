"""Credentials that may come late: requested with the first request, and again until there are some.

One rule: if a source is expected to give them, their absence passes by itself (NotReady); otherwise a person
must do something (AccessDenied, ConfigError).
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from botocore import exceptions as aws

from aqi_service.errors import OR_LOCALLY, AccessDenied, NotReady
from aqi_service.storage.aws.credential_faults import explained
from aqi_service.storage.aws.errors import translated

AGAIN_SECONDS = 1.0
"""After an answer without credentials the source is left alone for this many seconds: many requests ask at
the same time."""


_NOT_OF_A_KEY = (
    "AWS: the credentials hold a character that none has, such as a space, a line end or a curly quotation "
    f"mark: copy them again{OR_LOCALLY}"
)


class LateCredentials:
    """The credentials of botocore's clients; it asks `chain` until that gives some.

    `source` names the expected source for a person; empty if there is none. `token_files` are files into
    which an orchestrator writes tokens.
    """

    method = "late"

    def __init__(
        self, chain: Callable[[], Awaitable[Any]], source: str, token_files: Collection[str] = ()
    ) -> None:
        self._chain, self._source, self._token_files = chain, source, token_files
        self._found: Any = None
        self._lock = asyncio.Lock()
        self._refusal = ""
        self._again = 0.0

    async def load_credentials(self) -> "LateCredentials":
        """Return itself: a session asks its `credential_provider` when a client is opened.

        If no source is expected, it looks only once, then.
        """
        if not self._source:
            self._found = await self._chain()
        return self

    async def ready(self) -> None:
        """Return when there are credentials; raise the reason if there are none."""
        with translated("AWS"):
            await self.get_frozen_credentials()

    async def get_frozen_credentials(self) -> Any:
        """Return the current key, secret and token. Raises NotReady while they are only expected."""
        found = await self._loaded()
        with self._explained():
            frozen = await found.get_frozen_credentials()
        for part in (frozen.access_key, frozen.secret_key, frozen.token):
            if part and not (part.isascii() and part.isprintable() and " " not in part):
                raise AccessDenied(_NOT_OF_A_KEY)
        return frozen

    def get_deferred_property(self, name: str) -> Callable[[], Awaitable[str | None]]:
        """Return the function for the one property that botocore asks for: the account's id."""
        del name
        return self.get_account_id

    async def get_account_id(self) -> str | None:
        """Return the account of the credentials, if the source names it."""
        found = await self._loaded()
        with self._explained():
            account: Any = found.get_account_id()
            known: str | None = await account if inspect.isawaitable(account) else account
            return known

    async def _loaded(self) -> Any:
        """Ask the source, one caller at a time; a refusal counts for AGAIN_SECONDS."""
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if self._found is None:
                if clock() < self._again:
                    raise NotReady(self._refusal)
                try:
                    with self._explained():
                        self._found = await self._ask()
                except NotReady as error:
                    self._refusal, self._again = str(error), clock() + AGAIN_SECONDS
                    raise
            return self._found

    async def _ask(self) -> Any:
        found = await self._chain() if self._source else None
        if found is None:
            raise aws.NoCredentialsError
        return found

    def _explained(self) -> AbstractContextManager[None]:
        """Raise NotReady for a fault that passes by itself, if a source is expected; else change no error."""
        return explained(self._source, self._token_files) if self._source else nullcontext()
