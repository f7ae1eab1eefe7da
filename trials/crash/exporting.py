"""Exports that are killed before a step, and run again.

One rule: the program runs dry, so that a step is one of the export's; what it left is looked at from outside.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.doubles.load_helpers import document, written
from tests.doubles.moto_names import Moto
from trials.crash.crashes import KILLED, Crashes, Run, crashing

NAMES = ("data_20_12_23_17_00.json", "data_21_12_23_17_00.json")
OLD, NEW = document(1, 2), document(1, 2, 3)
MOST_STEPS = 60
"""No export of these takes as many."""

KINDS = {"file": "a.csv", "packed file": "a.ndjson.gz", "folder": "air/", "bucket": ""}
"""What --export names; in a bucket, which is made for each."""

Files = Mapping[str, bytes]


class Exporting:
    """One place for an export, and the program, which is killed as it is told."""

    def __init__(self, kind: str, folder: Path, moto: Moto, crashes: Crashes) -> None:
        self._folder, self._crashes = folder, crashes
        self._s3, self._bucket = moto.client("s3"), Moto(moto.endpoint).bucket
        self._export = str(folder / KINDS[kind]) if KINDS[kind] else f"s3://{self._bucket}/air/"
        self._env = moto.environment
        folder.mkdir()
        self._s3.create_bucket(Bucket=self._bucket)
        (folder / "air").mkdir()

    async def run(self, body: bytes, **how: float) -> Run:
        """Export two snapshots of this document."""
        sources = [str(written(self._folder, body, name)) for name in NAMES]
        options = ("--load-only", "--dry-run", *sources, "--export", self._export)
        return await self._crashes.run(*options, env=self._env, **how)

    def files(self) -> Files:
        """Give what readers see."""
        found = self._found()
        return {name: found[name] for name in found if not Path(name).name.startswith(".")}

    def hidden(self) -> list[str]:
        """Give what they do not see: files that were begun, and uploads."""
        uploads = self._s3.list_multipart_uploads(Bucket=self._bucket).get("Uploads", [])
        begun = [each["Key"] for each in uploads]
        return [*begun, *(name for name in self._found() if Path(name).name.startswith("."))]

    def _found(self) -> Files:
        listed = self._s3.list_objects_v2(Bucket=self._bucket).get("Contents", [])
        found = {each["Key"]: self._object(each["Key"]) for each in listed}
        for path in self._folder.rglob("*"):
            if path.is_file() and path.name not in NAMES:
                found[str(path.relative_to(self._folder))] = path.read_bytes()
        return found

    def _object(self, key: str) -> bytes:
        body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body


@asynccontextmanager
async def exports(kind: str, folder: Path, moto: Moto) -> AsyncIterator[Iterator[Exporting]]:
    """Open the process that forks; give places, each a new one."""
    async with crashing(folder / "runs", moto) as crashes:
        yield (Exporting(kind, folder / str(number), moto, crashes) for number in range(MOST_STEPS + 2))


async def survived(kind: str, folder: Path, moto: Moto, *, over_old: bool, each: int) -> set[str]:
    """Kill an export at every `each`-th step, and run it again; return at which points it was killed."""
    async with exports(kind, folder, moto) as places:
        undisturbed, points = next(places), set[str]()
        old = await _exported(undisturbed, OLD)
        new = await _exported(undisturbed, NEW)
        assert old.keys() == new.keys()
        assert all(old[name] != new[name] for name in old)
        for step, place in zip(range(each - 1, MOST_STEPS, each), places, strict=False):
            if over_old:
                await _exported(place, OLD)
            killed = await place.run(NEW, die_at=step)
            if killed.code != KILLED:
                assert killed.code == 0, killed.err
                return points
            where = f"{step}: {killed.killed_before}"
            points.add(killed.killed_before)
            for name, body in place.files().items():
                assert body in ((old[name], new[name]) if over_old else (new[name],)), where
            assert not over_old or place.files().keys() == old.keys(), where
            assert await _exported(place, NEW) == new, where
    raise AssertionError(f"it took over {MOST_STEPS} steps")


async def _exported(place: Exporting, body: bytes) -> Files:
    """Export, undisturbed; nothing that was begun is left then."""
    done = await place.run(body)
    assert done.code == 0, done.err
    assert place.hidden() == []
    return place.files()
