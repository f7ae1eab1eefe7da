"""Checks before the first load that archive and table can be used; makes what is missing if wanted.

One rule: all faults that waiting cannot mend are named together, in one sentence.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aqi_service import __version__
from aqi_service.app.advice import adding, fitting_advice
from aqi_service.app.config import Config
from aqi_service.app.logs import say
from aqi_service.app.open import first_line
from aqi_service.core.times import DAY
from aqi_service.errors import AqiError, ConfigError, MissingResource, NotReady, Unavailable
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.storage.backend import Backend

log = logging.getLogger("aqi_service")

Result = TypeVar("Result")

START_SECONDS = 10.0
"""How many seconds AWS may take to answer at the start."""

READY_SECONDS = 60.0
"""How many seconds `--load-only` waits for credentials and for the clock."""

CREDENTIAL_SECONDS = 30.0
"""How many seconds a source of credentials may take for one answer; a process or a person's device may be
slow."""

LEAST_SECONDS = 1.0
"""The least that such a source gets, at the end of the wait."""

AGAIN_SECONDS = 2.0
"""Seconds between two looks at what is not ready."""

CREATE_SECONDS = 360.0
"""How many seconds `--create` may take: a table with an index takes minutes to make."""


class _NoAnswer(NotReady):
    """No answer about credentials came within the wait."""


def tell_start(config: Config, backend: Backend) -> None:
    """Print the first line on stderr: what runs where."""
    scale = None if config.serve_only or config.delete_excluded else config.scale_name
    interval = config.interval if config.loads_on_schedule else None
    say(
        "started",
        first_line(config, backend),
        {"version": __version__, "location": backend.location, "scale": scale, "interval": interval},
    )


async def check_when_ready(
    config: Config,
    backend: Backend,
    patience: float = READY_SECONDS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Check; while credentials or the clock are not ready, say what is missing, wait, and check again.

    Raises NotReady after `patience` seconds on the event loop's clock; if the last look was cut off, with the
    reason of the look before.
    """
    clock = asyncio.get_running_loop().time
    end, told = clock() + patience, ""
    while True:
        try:
            return await check(config, backend, max(LEAST_SECONDS, min(CREDENTIAL_SECONDS, end - clock())))
        except NotReady as error:
            left = end - clock()
            if left <= 0 and isinstance(error, _NoAnswer) and told:
                raise NotReady(told) from error
            if left <= 0:
                raise
            if str(error) != told:
                told = str(error)
                log.warning("not_ready", extra={"reason": told, "most_seconds": round(left)})
        await sleep(min(AGAIN_SECONDS, left))


async def check(
    config: Config,
    backend: Backend,
    credential_seconds: float = CREDENTIAL_SECONDS,
    told: set[str] | None = None,
) -> None:
    """Check that archive and table can be used and have this scale; raises what is wrong.

    With `--create` it first makes what is missing; what it cannot make is logged, unless it was `told`
    before. Raises NotReady if there are no credentials yet, at the latest after `credential_seconds`.
    """
    await _authenticate(backend, credential_seconds)
    with fitting_advice(config):
        if config.create:
            await _create(backend, set() if told is None else told)
        await _in_time(backend, _usable(config, backend))
        if not config.serve_only:
            await _sweep(backend)
        if not config.serve_only:  # a replica scores nothing: it serves what is there
            await _in_time(backend, _compare_with_newest(config, backend))
        if not config.serve_only and (config.create or not config.load_only):
            await _name_what_is_not_right(config, backend)


async def check_table(config: Config, backend: Backend) -> None:
    """Check only that the table can be used; raises what is wrong."""
    await _authenticate(backend, CREDENTIAL_SECONDS)
    with fitting_advice(config):
        await _in_time(backend, backend.storage.store.check())


async def _create(backend: Backend, told: set[str]) -> None:
    for lack in await _in_time(backend, backend.create(), CREATE_SECONDS):
        if lack not in told:
            told.add(lack)
            log.warning("not_created", extra={"error": lack})


async def _authenticate(backend: Backend, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await backend.authenticate()
    except TimeoutError as error:
        raise _NoAnswer("waiting for AWS credentials: their source does not answer") from error


async def _compare_with_newest(config: Config, backend: Backend) -> None:
    """Raise ConfigError where the newest load scored on another scale; warn where what it wrote expires.

    The latter if what is written now never would.
    """
    manifests = ManifestStore(backend.storage, config.table)
    newest = await manifests.check_scale(None if config.rescore else config.scale_name)
    lasts = config.load_only and config.ttl is None and not config.dry_run
    if lasts and newest and (ttl := newest.get("ttl")) and await manifests.is_of_this_table(newest):
        days = ttl // DAY
        hint = f"the newest load's expire after {days} days; --ttl-days {days} does so, and stores none older"
        log.warning("never_expires", extra={"days": days, "hint": hint})


async def _name_what_is_not_right(config: Config, backend: Backend) -> None:
    """Log what `--create` would add to the table, and what has another form than it makes.

    A loader can do without, so nothing here is an error. What is still missing after `--create` was named by
    that.
    """
    try:
        for thing in () if config.create else await backend.missing():
            log.warning("table_lacks", extra={"what": thing, "hint": adding(config)})
        for sentence in await backend.wrong():
            log.warning("not_right", extra={"error": sentence, "hint": f"then {adding(config)}"})
    except AqiError as error:
        log.info("table_not_described", extra={"error": str(error)})


async def _sweep(backend: Backend) -> None:
    """Remove what dead loads left half done; if that fails, loading goes on."""
    try:
        async with asyncio.timeout(START_SECONDS):
            swept = await backend.storage.archive.sweep()
    except (AqiError, TimeoutError) as error:
        hint = "tried again at the next start"
        log.warning("sweep_failed", extra={"error": str(error) or "no answer in time", "hint": hint})
    else:
        if swept:
            log.info("swept", extra={"count": swept})


async def _usable(config: Config, backend: Backend) -> None:
    """Check both together. Raises Unavailable if one does not answer, else all faults as one error."""
    checks = (backend.storage.archive.check(), backend.storage.store.check())
    wrong = [e for e in await asyncio.gather(*checks, return_exceptions=True) if e is not None]
    for error in wrong:
        if not isinstance(error, ConfigError):
            raise error
    # A folder that is not there has no table either, and one sentence is enough.
    both = len(wrong) > 1 and not config.local
    if both and all(isinstance(error, MissingResource) for error in wrong):
        how = "" if config.create else f"; both at once: {config.create_command}"
        raise MissingResource("; ".join(map(str, wrong)) + how)
    for error in wrong:
        raise error
    if not config.serve_only:
        await backend.check_writable()


async def _in_time(backend: Backend, work: Awaitable[Result], seconds: float = START_SECONDS) -> Result:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise Unavailable(f"{backend.location}: no answer within {seconds:.0f} s") from error
