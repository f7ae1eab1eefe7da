"""Opens what a Config names: on AWS, on this machine, or for a dry run.

One rule: this file only chooses; `storage.*.open` opens and closes.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path

from aqi_service import __version__
from aqi_service.app.config import Config
from aqi_service.app.export_stdout import StdoutExport
from aqi_service.core.export_paths import ATTRIBUTION, LICENCE, ExportForm
from aqi_service.core.s3_urls import parse_s3
from aqi_service.errors import ConfigError
from aqi_service.storage.backend import Backend
from aqi_service.storage.dry import DryBackend
from aqi_service.storage.exports import NO_EXPORT, Export, ParquetTarget
from aqi_service.storage.ports import MetricSink, Objects

NO_PYARROW = (
    "--export to a folder or to s3:// writes Parquet, which needs pyarrow: run "
    "pip install 'aqi-service[parquet]', or export to a .csv or .ndjson file"
)


def open_backend(config: Config) -> AbstractAsyncContextManager[Backend]:
    """Open archive, store and lease; raises ConfigError if the settings cannot be used."""
    if config.dry_run and config.load_only:
        return _dry_over(_opened(config)) if config.rescore else _dry(config.local, config)
    return _opened(config)


def _opened(config: Config) -> AbstractAsyncContextManager[Backend]:
    if config.local:
        return _local(config.local, config)
    from aqi_service.storage.aws.open import open_aws  # noqa: PLC0415  # a second of imports, only for AWS

    return open_aws(config.table, config.bucket, config.bucket_owner, config.max_write_units)


@asynccontextmanager
async def _dry(folder: Path | None, config: Config) -> AsyncIterator[Backend]:
    async with _objects(config) as objects:
        if folder is None:
            yield DryBackend(objects=objects)
            return
        from aqi_service.storage.local.open import open_archive  # noqa: PLC0415  # only with --local

        async with open_archive(folder) as archive:
            yield DryBackend(archive, objects=objects)


@asynccontextmanager
async def _dry_over(opened: AbstractAsyncContextManager[Backend]) -> AsyncIterator[Backend]:
    """Open a table for reading, with all sources, and write nothing."""
    async with opened as backend:
        yield DryBackend(over=backend)


@asynccontextmanager
async def _local(folder: Path, config: Config) -> AsyncIterator[Backend]:
    from aqi_service.storage.local.open import open_local  # noqa: PLC0415  # only with --local

    async with (
        _objects(config) as objects,
        open_local(folder, objects, read_only=config.serve_only or config.dry_run) as backend,
    ):
        yield backend


def _objects(config: Config) -> AbstractAsyncContextManager[Objects | None]:
    """Open the reader of `s3://` sources and of a list of sensors in S3, if one was named."""
    if not (any(map(parse_s3, config.sources)) or isinstance(config.exclude_sensors, str)):
        return nullcontext()
    from aqi_service.storage.aws.open import open_objects  # noqa: PLC0415  # a second of imports, only for s3://

    return open_objects()


def open_metric_sink(config: Config) -> AbstractAsyncContextManager[MetricSink | None]:
    """Open the receiver of metrics, if one was named; raises ConfigError if AWS's settings cannot be used."""
    if config.cloudwatch is None:
        return nullcontext()
    from aqi_service.storage.aws.cloudwatch import open_cloudwatch  # noqa: PLC0415  # only with --cloudwatch

    return open_cloudwatch(config.cloudwatch)


def open_export(config: Config) -> AbstractAsyncContextManager[Export]:
    """Open the place for exported records; raises ConfigError if it cannot be used."""
    path = config.export_path
    if path is None:
        return nullcontext(NO_EXPORT)
    form = config.export_form
    if form is ExportForm.STDOUT:
        return nullcontext(StdoutExport())
    if form is ExportForm.ROWS:
        from aqi_service.storage.local.export_file import open_file_export  # noqa: PLC0415  # only with --export

        return open_file_export(Path(path))
    return _parquet(config, path)


@asynccontextmanager
async def _parquet(config: Config, where: str) -> AsyncIterator[Export]:
    try:
        from aqi_service.storage.local.export_parquet import (  # noqa: PLC0415  # half a second of imports
            FolderTarget,
            open_parquet_export,
        )
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise ConfigError(NO_PYARROW) from error
    facts = {
        "licence": LICENCE,
        "attribution": ATTRIBUTION,
        "scale": config.scale_name,
        "version": __version__,
    }
    place = parse_s3(where)
    async with AsyncExitStack() as stack:
        if place is None:
            to: ParquetTarget = FolderTarget(Path(where))
        else:
            from aqi_service.storage.aws.open import open_s3_target  # noqa: PLC0415  # only for s3://

            to = await stack.enter_async_context(open_s3_target(*place))
        yield await stack.enter_async_context(open_parquet_export(to, facts))


def first_line(config: Config, backend: Backend) -> str:
    """Return the first line: version, location, scale and interval."""
    scale = "the table's" if config.serve_only or config.delete_excluded else config.scale_name
    apart = ", but the export to" if config.dry_run else ", export to"
    export = "" if config.export is None else f"{apart} {config.export_path}"
    interval = f"{config.interval} s" if config.loads_on_schedule else "none"
    return f"aqi_service {__version__}, {backend.location}{export}, scale {scale}, interval {interval}"
