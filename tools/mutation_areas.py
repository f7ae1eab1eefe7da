"""Which tests judge a change of which file: the areas of `make mutate`.

One rule: an area is a row of the table. mutmut reads one configuration a folder, so each area has a folder of
its own in `mutants`, with links to the project's files and a pyproject.toml that names its files and tests.
"""

import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Area(NamedTuple):
    """Files that are changed, as globs, and what of `tests` runs for each change of them.

    Attributes:
        without: a word in the names of tests that are left out, because others see the same sooner.
    """

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]
    without: str = ""


AREAS = (
    Area("core", ("core/*.py",), ("core",), without="long"),
    Area(
        "load",
        ("load/load.py", "load/ending.py", "load/upload_claim.py"),
        ("load/test_load*.py",),
        without="aws",
    ),
    Area(
        "writer",
        ("load/comparison.py", "load/group.py", "load/group_writer.py", "load/table_writer.py"),
        ("load/test_table_writer*.py", "load/test_judged_again.py", "load/test_load_tells.py"),
    ),
    Area(
        "local",
        (
            "storage/local/*.py",
            "storage/cleanup.py",
            "storage/dry.py",
            "storage/exports.py",
            "storage/process_name.py",
            "storage/turns.py",
        ),
        (
            "lookup/test_turns.py",
            "storage/local/test_*.py",
            "storage/test_*.py",
            "storage/contract/test_*.py",
            "load/test_load_export.py",
        ),
        without="aws",
    ),
    Area(
        "s3",
        (
            "storage/aws/s3*.py",
            "storage/aws/clients.py",
            "storage/aws/http_pool.py",
            "storage/aws/cred*.py",
            "storage/aws/error*.py",
            "storage/aws/refusals.py",
        ),
        (
            "storage/aws/test_s3*.py",
            "storage/aws/test_clients.py",
            "storage/aws/test_http_pool.py",
            "storage/aws/test_credentials.py",
            "storage/aws/test_errors.py",
            "storage/contract/test_archive_sweep.py",
            "storage/contract/test_store.py",
        ),
    ),
    Area(
        "dynamodb",
        (
            "storage/aws/dynamodb_store.py",
            "storage/aws/dynamodb_writes.py",
            "storage/aws/dynamodb_attributes.py",
            "storage/aws/retry.py",
            "storage/aws/dynamodb_batches.py",
            "storage/aws/dynamodb_calls.py",
            "storage/aws/dynamodb_rate.py",
            "storage/aws/dynamodb_sensors.py",
            "storage/aws/dynamodb_answers.py",
            "storage/aws/dynamodb_cap.py",
            "storage/aws/dynamodb_deletes.py",
        ),
        (
            "storage/aws/test_dynamodb_[!l]*.py",
            "storage/aws/test_retry*.py",
            "storage/contract/test_store*.py",
            "storage/contract/test_delete_of_sensor.py",
        ),
    ),
    Area("cloudwatch", ("storage/aws/cloudwatch.py",), ("storage/aws/test_cloudwatch.py",)),
    Area(
        "lease",
        ("storage/lease.py", "storage/aws/dynamodb_lease.py"),
        ("storage/aws/test_dynamodb_lease*.py", "storage/contract/test_lease.py"),
    ),
    Area(
        "create",
        ("storage/aws/create_bucket.py", "storage/aws/create_table.py", "storage/aws/open.py"),
        ("storage/aws/test_create*.py", "storage/contract/test_backend.py", "app/test_open_lease.py"),
    ),
)


def areas_of(only: str) -> list[Area]:
    """Give the area of that name, or those with a file whose path starts with `only`."""
    named = [area for area in AREAS if area.name == only]
    return named or [area for area in AREAS if any(path.startswith(only) for path in files_of(area))]


def covers(area: Area, only: str) -> bool:
    """Tell whether `only` asks for the whole area."""
    return only == area.name or all(path.startswith(only) for path in files_of(area))


def files_of(area: Area) -> list[str]:
    """Give the paths of an area's files in the package, as in core/frames."""
    package = ROOT / "aqi_service"
    paths = sorted(path.relative_to(package).as_posix() for path in package.glob("**/*.py"))
    return [path.removesuffix(".py") for path in paths if any(fnmatchcase(path, glob) for glob in area.files)]


def folder_of(area: Area) -> Path:
    """Make the folder in which mutmut runs for an area, and give it; what was found there before is kept."""
    folder = ROOT / "mutants" / area.name
    folder.mkdir(parents=True, exist_ok=True)
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    for name in ("aqi_service", "tests", *tomllib.loads(pyproject)["tool"]["mutmut"]["also_copy"]):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(ROOT / name)
    (folder / "pyproject.toml").write_text(configured(pyproject, area), "utf-8")
    return folder


def configured(pyproject: str, area: Area) -> str:
    """Put an area's files and tests into the text of the project's configuration of mutmut."""
    tests = [
        found.relative_to(ROOT).as_posix()
        for glob in area.tests
        for found in sorted((ROOT / "tests").glob(glob))
    ]
    lines = {
        "only_mutate": [f"aqi_service/{glob}" for glob in area.files],
        "pytest_add_cli_args_test_selection": tests,
    }
    for name, values in lines.items():
        pyproject = re.sub(rf"(?m)^{name} = .*$", f"{name} = {list(values)!r}", pyproject)
    chosen = f'"-k", "not {area.without}", ' if area.without else ""
    return pyproject.replace("pytest_add_cli_args = [", f"pytest_add_cli_args = [{chosen}")
