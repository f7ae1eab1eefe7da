"""Credentials that may come late: asked for with the first request, and again until there are some.

One rule: where something is expected to give them, that there are none yet passes by itself (NotReady);
elsewhere a person has to do something (AccessDenied, ConfigError).
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
"""So long after an answer that was none the source is left alone: many requests ask at once."""


_NOT_OF_A_KEY = (
    "AWS: the credentials hold a character that none has, such as a space, a line end or a curly quotation "
    f"mark: copy them again{OR_LOCALLY}"
)


class LateCredentials:
    """What botocore's clients take for credentials; it asks `chain` until that gives some.

    `source` names what is expected to give them, for a person; empty where nothing is. `token_files` are
    where an orchestrator writes tokens.
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
        """Return itself: as the session's `credential_provider` it is asked when a client is opened.

        Where nothing has to come, it looks then, and once: what is there is there.
        """
        if not self._source:
            self._found = await self._chain()
        return self

    async def ready(self) -> None:
        """Return once there are credentials; raise why there are none."""
        with translated("AWS"):
            await self.get_frozen_credentials()

    async def get_frozen_credentials(self) -> Any:
        """Return key, secret and token of now. Raises NotReady while they are only expected."""
        found = await self._loaded()
        with self._explained():
            frozen = await found.get_frozen_credentials()
        for part in (frozen.access_key, frozen.secret_key, frozen.token):
            if part and not (part.isascii() and part.isprintable() and " " not in part):
                raise AccessDenied(_NOT_OF_A_KEY)
        return frozen

    def get_deferred_property(self, name: str) -> Callable[[], Awaitable[str | None]]:
        """Return what botocore calls for the one property that it asks for: the account's id."""
        del name
        return self.get_account_id

    async def get_account_id(self) -> str | None:
        """Return the account that the credentials are of, where the source says so."""
        found = await self._loaded()
        with self._explained():
            account: Any = found.get_account_id()
            known: str | None = await account if inspect.isawaitable(account) else account
            return known

    async def _loaded(self) -> Any:
        """Ask the source, one at a time; a refusal stands for AGAIN_SECONDS."""
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
        """Raise NotReady for what passes by itself, where a source is expected; else leave all as it is."""
        return explained(self._source, self._token_files) if self._source else nullcontext()
