"""File systems that give no room, or take nothing: mounted for a part of the run, which only root can do.

One rule: what is mounted here is small, in memory, and gone at the end.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

READ_ONLY, REMOUNT, BIND, DETACH = 1, 32, 4096, 2
"""Of mount(2) and umount2(2), from linux/mount.h."""

_libc = ctypes.CDLL(None, use_errno=True)


def allowed() -> bool:
    """Tell whether this user may mount."""
    return os.geteuid() == 0


@contextmanager
def small(folder: Path, size: int) -> Iterator[Path]:
    """Mount an empty file system of `size` bytes on `folder`."""
    folder.mkdir()
    _mount(b"aqi-host", folder, b"tmpfs", 0, f"size={size}".encode())
    try:
        yield folder
    finally:
        _libc.umount2(bytes(folder), DETACH)


@contextmanager
def read_only(folder: Path, view: Path) -> Iterator[Path]:
    """Let `view` show a folder read only, as a container's `:ro` volume does."""
    view.mkdir()
    _mount(bytes(folder), view, b"none", BIND)
    try:
        _mount(b"none", view, b"none", BIND | REMOUNT | READ_ONLY)
        yield view
    finally:
        _libc.umount2(bytes(view), DETACH)


@contextmanager
def filled(folder: Path, name: str = "rest") -> Iterator[None]:
    """Leave no byte free on a file system inside; `name` is that of the file that takes them."""
    rest = folder / name
    with rest.open("wb", buffering=0) as file:
        for size in (2**20, 4096):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass
    try:
        yield
    finally:
        rest.unlink()


def _mount(what: bytes, folder: Path, kind: bytes, flags: int, options: bytes = b"") -> None:
    if _libc.mount(what, bytes(folder), kind, flags, options):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(folder))
