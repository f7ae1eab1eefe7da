"""Prints a load's report: a line of JSON on stdout, and on stderr how to look up what was loaded.

One rule: a load counts as done even if nobody can read its report.
"""

import logging
import shlex
from collections.abc import Awaitable, Mapping

import orjson

from aqi_service.app import commands, output
from aqi_service.app.config import DEFAULT_PORT, Config
from aqi_service.app.logs import say
from aqi_service.app.printing import printed
from aqi_service.core.export_paths import STDOUT, ExportForm
from aqi_service.core.report import LoadReport
from aqi_service.storage.exports import Export

USUAL_HOSTS = frozenset({"127.0.0.1", "localhost", "0.0.0.0", "::", ""})  # noqa: S104  # to be told from others
"""Addresses of a server that a client on the same machine reaches without options."""


async def print_report(report: LoadReport, config: Config) -> bool:
    """Print the report and, on stderr, how to look up a record; False if stdout takes nothing.

    It waits for a slow reader, since the report is data. If stdout has records, it goes to stderr.
    """
    to = "stderr" if config.export_form is ExportForm.STDOUT else "stdout"
    error = await _failure(printed(_line(report), to))
    _tell_example(report, config, config.port or DEFAULT_PORT)
    return not _told(error)


async def finish_export(config: Config, export: Export, *, failed: bool) -> None:
    """Make the export appear, unless the run failed and no snapshot was whole, and say what it has."""
    path = config.export_path
    if path is None or (failed and not export.snapshots):
        return
    await export.finish()
    many = f"{export.snapshots:,} snapshot{'' if export.snapshots == 1 else 's'}"
    told = f"{export.records:,} records of {many} exported to {_place(path)}"
    say("exported", told, {"records": export.records, "snapshots": export.snapshots, "to": path})


def _place(path: str) -> str:
    return "stdout" if path == STDOUT else path


async def print_facts(facts: Mapping[str, object]) -> bool:
    """Print a line of JSON like a report; False if stdout takes nothing."""
    return not _told(await _failure(printed(orjson.dumps(facts).decode() + "\n")))


async def _failure(printing: Awaitable[None]) -> OSError | None:
    """Return the error that kept a line from being printed; None if there is none."""
    try:
        await printing
    except OSError as error:
        return error
    return None


def put_report(report: LoadReport, config: Config, port: int) -> None:
    """Print the report as a daemon does, whose loads wait for no reader: it is dropped if nobody reads.

    `port` is the server's port, if there is a server.
    """
    output.put(_line(report), _told)
    _tell_example(report, config, port or config.port or DEFAULT_PORT)


def _line(report: LoadReport) -> str:
    return orjson.dumps(report.as_json()).decode() + "\n"


def _told(error: OSError | None) -> bool:
    """Print why a report cannot be printed; tell whether there was a reason."""
    if error is None or isinstance(error, BrokenPipeError):  # the reader of the reports wants no more
        return False
    why = error.strerror or str(error)
    told = f"aqi-service: the report cannot be printed: {why}"
    say("report_not_printed", told, {"error": why}, level=logging.ERROR)
    return True


def _tell_example(report: LoadReport, config: Config, port: int) -> None:
    """Print how to look up a loaded record, at the server on `port`."""
    count = report.fates.stored + report.fates.unchanged + report.fates.superseded
    if report.example and not report.dry_run:
        told = f"{count} records, for instance: {commands.client()} {report.example}{reach(config, port)}"
        say(
            "lookup_example",
            told,
            {"records": count, "record_id": report.example, "port": port, "load_id": report.load_id},
        )


def reach(config: Config, port: int) -> str:
    """Return the options with which a client reaches the server of this configuration, on this port."""
    host = "" if config.host in USUAL_HOSTS else f" --host {shlex.quote(config.host)}"
    return host + ("" if port == DEFAULT_PORT else f" --port {port}") + (" --tls" if config.tls_cert else "")
