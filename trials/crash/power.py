"""A power cut: what a folder holds when only what was synced is certain to be there.

One rule: whatever was not synced survives or not by the toss of a seeded coin, each file and name by itself.

A file's bytes are certain after its fsync, its name after its folder's. SQLite syncs in C, out of sight: its
log is certain after a commit under `synchronous = FULL`, and when a checkpoint has moved pages into the
database (https://www.sqlite.org/wal.html); of what was written to the log since, any first part may survive.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

DATABASE = "air_quality.db"
Names = dict[str, int]


@dataclass
class Disk:
    """What is certain of a folder: bytes of files and names in folders, both by inode."""

    folder: Path
    bodies: dict[int, bytes] = field(default_factory=dict)
    names: dict[int, Names] = field(default_factory=dict)
    log: bytes = b""
    pages: bytes = b""
    full: bool = True

    def __post_init__(self) -> None:
        """Take all that is there when the power comes on as certain."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder, _, files in os.walk(self.folder):
            self.names[Path(folder).stat().st_ino] = _names(folder)
            self.bodies |= {p.stat().st_ino: p.read_bytes() for f in files if (p := Path(folder, f))}
        self.log, self.pages = self._read("-wal"), self._read("")

    def synced(self, descriptor: int) -> None:
        """Note that a file or folder was brought to the disk."""
        path = Path(f"/proc/self/fd/{descriptor}")
        number = os.fstat(descriptor).st_ino
        if path.is_dir():
            self.names[number] = _names(path)
        else:
            self.bodies[number] = path.read_bytes()

    def executed(self, statement: str) -> None:
        """Note what SQLite has done for a statement, or a commit."""
        words = statement.upper().split()
        if words[:3] == ["PRAGMA", "SYNCHRONOUS", "="]:
            self.full = words[3] == "FULL"
        pages = self._read("")
        if (self.full and words[:1] in (["COMMIT"], ["END"])) or pages != self.pages:
            self.log, self.pages = self._read("-wal"), pages

    def cut(self, chance: Random) -> None:
        """Put beside the folder what a power cut leaves of it; `came_back` puts that in its place."""
        log, pages = self._read("-wal"), self._read("")
        files: dict[str, bytes] = {}
        folders: list[str] = []
        self._walk(self.folder.stat().st_ino, self.folder, "", (chance, files, folders))
        if pages:
            kept = chance.randint(0, len(log))
            files[DATABASE], files[f"{DATABASE}-wal"] = pages, log[:kept] + self.log[kept:]
        left = _left_of(self.folder)
        for name in ("", *folders):
            (left / name).mkdir()
        for name, body in files.items():
            (left / name).write_bytes(body)

    def _walk(
        self, number: int, now: Path | None, at: str, found: tuple[Random, dict[str, bytes], list[str]]
    ) -> None:
        """Find what survives of the folder of that number; `now` is where it is, if it still is."""
        chance, files, folders = found
        old, new = self.names.get(number, {}), _names(now) if now else {}
        for name in sorted(old.keys() | new.keys()):
            inode = (new if chance.random() < 0.5 else old).get(name)
            if inode is None or name.startswith(DATABASE):
                continue
            path = now / name if now and new.get(name) == inode else None
            place = f"{at}{name}"
            if inode in self.names or (path and path.is_dir()):
                folders.append(place)
                self._walk(inode, path, f"{place}/", found)
            else:
                body = self.bodies.get(inode, b"")
                files[place] = path.read_bytes() if path and chance.random() < 0.5 else body

    def _read(self, end: str) -> bytes:
        try:
            return (self.folder / f"{DATABASE}{end}").read_bytes()
        except FileNotFoundError:
            return b""


def came_back(folder: Path) -> None:
    """Let the power come back: the process that used the folder is gone."""
    if (left := _left_of(folder)).exists():
        shutil.rmtree(folder)
        left.rename(folder)


def _left_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.left")


def _names(folder: str | Path) -> Names:
    with os.scandir(folder) as entries:
        return {entry.name: entry.inode() for entry in entries}
