"""Deletes expired items, after a load.

One rule: what is deleted is old compared with nearly all of the newest data, not only by the clock.
"""

from aqi_service.core.clocks import ages_from
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.storage.cleanup import afterwards
from aqi_service.storage.ports import Store

EXPIRE_SECONDS = 30.0
"""How long (seconds) the deleting of expired items may take."""


async def expire(store: Store, manifests: ManifestStore, now: float) -> None:
    """Delete items that have expired at `now` (epoch seconds); none if no load tells how old the data is.

    If this fails, the load is not at fault.
    """
    await afterwards(_expired(store, manifests, now), EXPIRE_SECONDS, "expire_failed")


async def _expired(store: Store, manifests: ManifestStore, now: float) -> None:
    if (witness := await manifests.witness()) is not None:
        await store.expire(int(ages_from(now, witness)))
