"""The forms of options' values, and the errors for other forms.

One rule: a type reads text and knows no option.
"""

from typing import Any

import click

from aqi_service.core.s3_urls import is_prefix, parse_s3
from aqi_service.core.selection import Shard, parse_shard
from aqi_service.core.times import typed_time


class Time(click.ParamType[int]):
    """A UTC time, as epoch seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read `2023-12-20`, `2023-12-20T18:55` or with `Z`."""
        found = value if isinstance(value, int) else typed_time(str(value))
        if found is None:
            self.fail(f"{value!r} is no time like 2023-12-20 or 2023-12-20T18:55Z", param, ctx)
        return found


class Share(click.ParamType[Shard]):
    """One worker's share, I/N."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """Read `0/4` to `3/4`."""
        found = value if isinstance(value, Shard) else parse_shard(str(value))
        if found is None:
            self.fail(f"{value!r} is no share like 0/4: I/N, with I from 0 to N-1", param, ctx)
        return found


class Switch(click.types.BoolParamType):
    """1/true/yes or 0/false/no."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a switch; the empty variable is off."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither 1, true or yes nor 0, false or no", param, ctx)


class Whole(click.IntRange):
    """A whole number, under a name that fits click's error sentences."""

    name = "whole number"


class Number(click.FloatRange):
    """A number, under a name that fits click's error sentences."""

    name = "number"


class Folder(click.Path):
    """A folder's path; an empty text, such as a variable without a value, is none."""

    what = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty text, which Path would take for the current folder."""
        if value == "":
            self.fail(f"an empty text names no {self.what}", param, ctx)
        return super().convert(value, param, ctx)


class File(Folder):
    """A file's path."""

    what = "file"


class FileOrObject(File):
    """A file's path, or an object's `s3://` URL as it was written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a path, unless it is such a URL."""
        place = parse_s3(str(value))
        if place is None:
            return super().convert(value, param, ctx)
        if is_prefix(place[1]):
            self.fail(f"{value!r} names no object: s3://bucket/key", param, ctx)
        return str(value)
