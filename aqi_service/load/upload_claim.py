"""The name under which a load archives its snapshot: the first free one that no other load is writing.

One rule: a name that another load got is not tried a second time.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from aqi_service.core.snapshot_names import first_free
from aqi_service.errors import NameInUse, SnapshotFailed, Unavailable
from aqi_service.storage.ports import Archive, SnapshotInfo, Upload

NAME_TRIES = 3
"""How many names an upload tries, and how often a load begins again because another one took its name."""

LOOK_SECONDS = 1.5
"""How many seconds a load that was cut off while it completed may ask whether that worked."""


class UploadClaim:
    """A load's claim on a name: `wanted` or the next free one; `tried` are names that others got."""

    def __init__(self, archive: Archive, wanted: str, tried: set[str]) -> None:
        self._archive, self._wanted, self._tried = archive, wanted, tried
        self._name = wanted
        self._completing: SnapshotInfo | None = None  # once it is on its way

    @asynccontextmanager
    async def begin_upload(self, info: SnapshotInfo, names: Sequence[str]) -> AsyncIterator[Upload]:
        """Begin an upload under a name that is not in `names`; raises NameInUse after NAME_TRIES names."""
        async with AsyncExitStack() as stack:
            yield await self._begin_upload(stack, info, names)

    async def _begin_upload(self, stack: AsyncExitStack, info: SnapshotInfo, names: Sequence[str]) -> Upload:
        for _ in range(NAME_TRIES - 1):
            with suppress(NameInUse):
                return await self._claim_name(stack, info, names)
        return await self._claim_name(stack, info, names)

    async def _claim_name(self, stack: AsyncExitStack, info: SnapshotInfo, names: Sequence[str]) -> Upload:
        self._name = first_free(self._wanted, self._tried.union(names))
        self._tried.add(self._name)
        return await stack.enter_async_context(self._archive.upload(self._name, info))

    async def complete(self, upload: Upload, info: SnapshotInfo) -> str:
        """Make the snapshot appear in the archive; return its name."""
        self._completing = info
        await upload.complete()
        return self._name

    async def name_if_archived(self) -> str | None:
        """Return its name if the snapshot is in the archive although its completion was cut off."""
        if self._completing is None:
            return None
        with suppress(Unavailable, SnapshotFailed, TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                info = await self._archive.info(self._name)
                return self._name if info and info.load_id == self._completing.load_id else None
        return None
