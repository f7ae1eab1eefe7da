"""Runs what a Config asks for, on the fastest event loop there is.

One rule: the exit code is decided here and in `cli`, nowhere deeper.
"""

import asyncio
import io
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from aqi_service.app import logs, output
from aqi_service.app.config import Config
from aqi_service.client.interrupt import heed_hangup
from aqi_service.core.export_paths import ExportForm
from aqi_service.shutdown import Stop

Job = Callable[[Config, Stop], Coroutine[Any, Any, int]]


def run_options(options: Mapping[str, Any]) -> int:
    """Run what these options ask for; return the exit code. Raises ConfigError if they cannot be used."""
    return run(Config(**options))


def run(config: Config) -> int:
    """Run what is asked for and return the exit code; printed text may still be on its way."""
    if config.load_only or config.delete_excluded:
        heed_hangup()  # it ends them; a daemon listens to it
    open_streams(has_data=config.export_form is ExportForm.STDOUT)
    output.begin()
    logs.configure(config.log_format, config.log_level)
    logs.log_what_nobody_caught()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_stoppable(_job(config), config))


def _job(config: Config) -> Job:
    """Return the way to run that is asked for; the daemon's imports take a tenth of a second."""
    if config.delete_excluded:
        from aqi_service.app.delete_excluded import run  # noqa: PLC0415  # the others would wait for it
    elif config.load_only:
        from aqi_service.app.load_only import run  # noqa: PLC0415  # likewise
    else:
        from aqi_service.app.daemon import run  # noqa: PLC0415  # likewise
    return run


def open_streams(*, has_data: bool = False) -> None:
    """Open standard streams that the process was started without (`<&-`, some supervisors).

    Otherwise sockets would get their descriptors, and printed text would go to a peer. If stdout `has_data`,
    a missing stdout takes nothing, so that the writer learns of it. Reports and rows on stdout are UTF-8 in
    any locale.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            takes_nothing = has_data and name == "stdout"
            # It takes the lowest free descriptor, which is this one.
            os.open(os.devnull, os.O_RDONLY if takes_nothing else os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115  # to its end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's factory; None, which is asyncio's own, if uvloop does not exist."""
    try:
        import uvloop  # noqa: PLC0415  # not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _stoppable(job: Job, config: Config) -> int:
    stop = Stop()
    stop.install(at_once=1)
    return await job(config, stop)
