"""Advice in error sentences, fitted to the command line as it was given.

One rule: no advice names a flag that was already given.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

from aqi_service.app.config import Config
from aqi_service.core.export_paths import ExportForm
from aqi_service.errors import (
    CREATE_MAKES_IT,
    LOCAL_DOES_WITHOUT,
    OR_A_NEW_ONE,
    OR_LOCALLY,
    AqiError,
    ConfigError,
)


def fitting(config: Config, error: AqiError) -> str:
    """Return an error's text without the advice to give --create or --local, if it was given.

    --create is also not advised for a deletion, since a missing table has nothing to delete, nor --local for
    an export to S3, which needs an account in any case.
    """
    text = str(error)
    given = (CREATE_MAKES_IT, OR_A_NEW_ONE) if config.create or config.delete_excluded else ()
    no_way_out = config.local or config.export_form is ExportForm.BUCKET
    for phrase in (*given, *((LOCAL_DOES_WITHOUT, OR_LOCALLY) if no_way_out else ())):
        text = text.replace(phrase, "")
    return text


@contextmanager
def fitting_advice(config: Config) -> Iterator[None]:
    """Raise the block's ConfigError with the text that fits the command line."""
    try:
        yield
    except ConfigError as error:
        said = copy(error)
        said.args = (fitting(config, error),)
        raise said from error.__cause__


def adding(config: Config) -> str:
    """Say which command adds what the table lacks."""
    return "start again" if config.create else f"add it with {config.create_command}"
