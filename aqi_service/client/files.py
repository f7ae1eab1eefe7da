"""The client's files: each is whole or absent, and saved files are named if a person is watching.

Rule: a problem with a folder that nobody asked for never costs a record.
"""

import os
import sys
from pathlib import Path

from aqi_service.client.csv_text import visible
from aqi_service.client.stdio import print_error

MOST_NAMED = 20
"""Most files that are named one by one."""


class Files:
    """Saves replies in a folder (None: nowhere); `asked` tells that the user named it."""

    def __init__(self, folder: Path | None, *, asked: bool) -> None:
        self._folder = folder
        self._asked = asked
        self._saved: list[Path] = []

    def __bool__(self) -> bool:
        """Tell whether anything will be saved."""
        return self._folder is not None

    def usable(self) -> bool:
        """Tell whether files can be saved; say so if not. A folder that nobody asked for is given up."""
        folder = self._folder
        if folder is None or (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            return True
        what = f"{visible(str(folder))} is no folder to write into"
        if self._asked:
            print_error(f"{what}: choose an --output-dir, or --no-save")
            return False
        self._give_up("permission is denied")
        return True

    def save(self, record_id: str, text: str) -> int:
        """Save a reply; return the exit code of that."""
        if self._folder is None:
            return 0
        target = self._folder / f"data_{record_id}.csv"
        try:
            write_whole(target, text.encode("utf-8"))
        except NoDraftError as error:
            if not self._asked:
                self._give_up(error.reason)
                return 0
            print_error(f"{visible(str(target))} cannot be written: {error.reason}")
            return 3
        except OSError as error:
            print_error(f"{visible(str(target))} cannot be written: {error.strerror}")
            return 3
        self._saved.append(target)
        return 0

    def tell(self) -> None:
        """Name the saved files, if stderr is a terminal."""
        if self._saved and sys.stderr is not None and sys.stderr.isatty():
            names = list(dict.fromkeys(visible(str(path)) for path in self._saved))
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            print_error(f"saved {', '.join(names[:MOST_NAMED])}{more}")

    def _give_up(self, reason: str) -> None:
        self._folder = None
        print_error(
            f"no files are saved, the current folder cannot be written ({reason}): --output-dir names another"
        )


class NoDraftError(OSError):
    """A folder takes no new file at all; `reason` is the system's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.reason = error.strerror or str(error)


def write_whole(target: Path, data: bytes) -> None:
    """Write a file that is whole or absent; a symlink of its name is replaced, not followed.

    Raises NoDraftError if no file can be made, other OSErrors later; it leaves nothing behind.
    """
    draft = target.with_name(f".{target.name}.{os.urandom(8).hex()}")
    try:
        descriptor = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666
        )
    except OSError as error:
        raise NoDraftError(error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
