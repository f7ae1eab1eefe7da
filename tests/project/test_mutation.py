"""The list of changes that no test has to notice still speaks of the code that is there."""

import ast
import tomllib
from pathlib import Path

import pytest

from tools.mutate import EQUIVALENT, known
from tools.mutation_areas import AREAS, ROOT, areas_of, configured, covers, files_of

NAMED = known(EQUIVALENT.read_text("utf-8"))


def lines_of(file: str) -> set[str]:
    """Give a file's lines without margins."""
    return {line.strip() for line in Path(ROOT, file).read_text("utf-8").splitlines()}


def test_each_named_change_is_of_a_line_that_is_there() -> None:
    assert [change for change in NAMED.changes if change.before not in lines_of(change.file)] == []


def test_each_named_function_is_there() -> None:
    for name in NAMED.functions:
        module, _, function = name.rpartition(".x_")
        tree = ast.parse(Path(ROOT, *module.split(".")).with_suffix(".py").read_text("utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_named_change_has_a_reason_and_differs() -> None:
    named = tomllib.loads(EQUIVALENT.read_text("utf-8"))
    assert all(named["functions"].values())
    for change in (change for several in named["changes"].values() for change in several):
        assert change["why"]
        assert change["before"] != change["after"]


def test_every_file_of_the_core_of_storage_and_the_write_path_is_in_one_area() -> None:
    package = ROOT / "aqi_service"
    names = ("load", "ending", "upload_claim", "table_writer", "group_writer", "group", "comparison")
    order = [package / f"load/{name}.py" for name in names]
    files = [*order, *package.glob("core/**/*.py"), *package.glob("storage/**/*.py")]
    wanted = {path.relative_to(package).as_posix().removesuffix(".py") for path in files}
    in_areas = [path for area in AREAS for path in files_of(area)]
    assert len(in_areas) == len(set(in_areas))
    of_other_tests = {"storage/sensor_reads"}
    no_code = {"storage/__init__", "storage/aws/__init__", "storage/ports", "storage/backend"}
    assert wanted - set(in_areas) == no_code | of_other_tests


def test_every_area_has_tests_that_are_there() -> None:
    for area in AREAS:
        for glob in area.tests:
            assert list((ROOT / "tests").glob(glob)), (area.name, glob)


@pytest.mark.parametrize(
    ("only", "areas", "whole"),
    [
        ("", [area.name for area in AREAS], True),
        ("core/frames", ["core"], False),
        ("load", ["load"], True),
        ("s3", ["s3"], True),
        ("storage/aws/s3_upload", ["s3"], False),
        ("nowhere", [], False),
    ],
)
def test_an_area_a_module_or_nothing_chooses_what_is_changed(
    only: str, areas: list[str], whole: bool
) -> None:
    found = areas_of(only)
    assert [area.name for area in found] == areas
    assert [covers(area, only) for area in found] == [whole] * len(found)


def test_an_area_s_files_and_tests_are_put_into_the_configuration() -> None:
    area = next(area for area in AREAS if area.name == "load")
    made = tomllib.loads(configured((ROOT / "pyproject.toml").read_text("utf-8"), area))["tool"]["mutmut"]
    assert made["only_mutate"] == [
        f"aqi_service/load/{name}.py" for name in ("load", "ending", "upload_claim")
    ]
    assert "tests/load/test_load_ends.py" in made["pytest_add_cli_args_test_selection"]
    assert made["pytest_add_cli_args"][:2] == ["-k", "not aws"]
