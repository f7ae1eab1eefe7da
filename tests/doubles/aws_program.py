"""`--load-only` on AWS, as a process."""

from collections.abc import Mapping
from pathlib import Path

from tests import DATA
from tests.doubles.moto_names import Moto
from tests.doubles.program import Ran, ran

GENERATED = (DATA / "generated-2026-form.json.gz").read_bytes()


def names(moto: Moto) -> list[str]:
    return ["--bucket", moto.bucket, "--table", moto.table]


async def load(
    *options: str, cwd: Path, env: Mapping[str, str] | None = None, body: bytes = GENERATED
) -> Ran:
    return await ran("--load-only", "--from", "-", *options, cwd=cwd, stdin=body, env=env)


def refused(done: Ran) -> str:
    """Check that a configuration error is one sentence after the first line, and give it."""
    assert (done.code, done.out) == (2, ""), done
    first, sentence = done.err.splitlines()
    assert first.startswith("aqi_service ")
    assert "a-secret-that-nobody-may-see" not in done.err
    return sentence.removeprefix("aqi-service: ")
