"""tools/setup.py: what is there is used, what is missing is one sentence. Nothing here reaches a network."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.doubles.small_project import (
    Project,
    copy_of,
    distribution,
    new_project,
    pip_settings,
    source,
    wheel,
)
from tools import setup


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Give what a failed setup says, which is one line and no traceback."""
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in a folder of an unusual name, set up from what this interpreter has; read alone."""
    project = new_project(tmp_path_factory.mktemp("ready") / "a földer")
    (project.folder / "aqi_service.py").write_text("import sys\ndef command():\n    return len(sys.argv)")
    project.write_command("aqi-one")
    done = project.setup()
    assert (done.returncode, done.stderr) == (0, "")
    return project


def here(project: Project, monkeypatch: pytest.MonkeyPatch, wheels: Path | None = None) -> None:
    """Have this process's setup be that of a project whose environment is made; pip knows no index."""
    monkeypatch.setattr(setup, "ROOT", project.folder)
    monkeypatch.setattr(setup, "PINS", project.folder / "requirements")
    monkeypatch.setattr(setup, "has_all", lambda _: False)
    monkeypatch.setattr(setup, "create", lambda *_: None)
    for name, value in pip_settings(wheels).items():
        monkeypatch.setenv(name, value)


def test_what_the_interpreter_has_is_used_without_an_index(ready: Project) -> None:
    assert ready.imports("aqi_service") == str(ready.folder / "aqi_service.py")
    assert ready.imports("pytest") == pytest.__file__


def test_a_folder_whose_name_is_not_ascii_is_found_whatever_the_locale_is(
    ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python until 3.12 does not start where it cannot read a line of a .pth file."""
    monkeypatch.setenv("LC_ALL", "C")
    assert ready.imports("aqi_service") == str(ready.folder / "aqi_service.py")


def test_the_project_s_commands_are_in_the_environment_wherever_they_are_called_from(
    ready: Project, tmp_path: Path
) -> None:
    command = ready.folder / ".venv/bin/aqi-one"
    assert subprocess.run([command, "x", "y z"], cwd=tmp_path, check=False).returncode == 3
    assert subprocess.run([".venv/bin/aqi-one"], cwd=ready.folder, check=False).returncode == 1


def test_a_second_setup_does_nothing(ready: Project, tmp_path: Path) -> None:
    before = {path: path.lstat().st_mtime_ns for path in ready.folder.rglob("*")}

    done = ready.setup(started=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "programs").exists()
    assert {path: path.lstat().st_mtime_ns for path in ready.folder.rglob("*")} == before


def test_an_active_environment_leaves_all_to_the_python_behind_it(ready: Project, tmp_path: Path) -> None:
    options = ["--venv", str(ready.folder / ".venv")]
    done = ready.setup(*options, python=ready.python, started=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    begun = (tmp_path / "programs").read_text(encoding="utf-8").splitlines()
    behind, words = re.findall(r"^subprocess\.Popen \('(.+?)', (\[.+?\]), ", begun[0])[0]
    assert all(line.startswith(f"os.posix_spawn ('{behind}', {words}, ") for line in begun[1:])  # of 3.13
    assert ast.literal_eval(words) == [behind, str(ready.folder / "tools/setup.py"), *options]
    assert Path(behind).resolve() == ready.python.resolve()
    assert not behind.startswith(str(ready.folder))


def test_requirements_and_commands_that_changed_are_looked_at_again(ready: Project, tmp_path: Path) -> None:
    project = copy_of(ready, tmp_path / "copy")
    project.write(["pytest>=8", "pluggy"])
    project.write_command("aqi-two")
    assert "has all requirements" in project.setup().stdout
    assert (project.folder / ".venv/bin/aqi-two").exists()


def test_a_moved_project_is_the_one_that_its_environment_imports(ready: Project, tmp_path: Path) -> None:
    project = copy_of(ready, tmp_path / "new")
    assert project.imports("aqi_service") == str(ready.folder / "aqi_service.py")

    project.setup()

    assert project.imports("aqi_service") == str(tmp_path / "new/aqi_service.py")


def test_no_package_index_is_one_sentence_and_leaves_what_worked(
    ready: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copy_of(ready, tmp_path / "copy")
    project.setup()
    project.lock("more", "no-such-requirement-of-ours")
    here(project, monkeypatch)

    with pytest.raises(setup.SetupError) as refused:
        setup.prepare(project.folder / ".venv", {"run", "more"})

    [line] = str(refused.value).splitlines()
    assert "Could not find a version that satisfies" in line
    assert "no package index answers" in line
    assert "secret" not in line
    assert project.setup().stdout == ""
    assert project.imports("pytest") == pytest.__file__


@pytest.mark.parametrize(
    ("source_alone", "why"),
    [(True, "Could not find a version"), (False, "Hashes are required in --require-hashes mode")],
)
def test_what_would_have_to_be_built_and_what_has_no_hash_is_not_installed(
    source_alone: bool, why: str, ready: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copy_of(ready, tmp_path / "p")
    project.write(["ourneed"])
    if source_alone:
        project.lock("run", "ourneed", digest=source(tmp_path / "wheels", "ourneed"))
    else:
        wheel(tmp_path / "wheels", "ourneed")
        (project.folder / "requirements/run.txt").write_text("ourneed==1\n", encoding="utf-8")
    here(project, monkeypatch, wheels=tmp_path / "wheels")

    with pytest.raises(setup.SetupError, match=why):
        setup.prepare(project.folder / ".venv", {"run"})

    assert project.imports("ourneed") == ""


def test_what_the_interpreter_has_not_is_installed_by_the_hashes_of_the_list(
    ready: Project, tmp_path: Path
) -> None:
    """Into a real environment with a pip of its own, where one without was before."""
    project = copy_of(ready, tmp_path / "p")
    project.write(["ourneed"], ["alsoneed"])
    wheels = tmp_path / "wheels"
    project.lock("run", "ourneed", digest=wheel(wheels, "ourneed"))
    project.lock("more", "alsoneed", digest=wheel(wheels, "alsoneed"))

    done = project.setup("--extra", "more", wheels=wheels)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "setup: installing more, run of requirements/ into .venv\n"
    assert project.imports("ourneed").startswith(str(tmp_path / "p/.venv"))
    assert project.setup().stdout == ""  # what was installed for an extra is ready without it


def test_an_unknown_extra_is_one_sentence(ready: Project) -> None:
    assert "requirements/tset.txt" in sentence(ready.setup("--extra", "tset"))


def test_an_environment_that_someone_else_made_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(setup.SetupError, match=r"remove it \(make clean does\)"):
        setup.create(tmp_path)
    assert (tmp_path / "mine").exists()


def test_a_python_without_ensurepip_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(setup.SetupError, match="no ensurepip: apt install python3-venv"):
        setup.create(tmp_path)


def test_an_old_python_is_one_sentence_and_can_read_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ast.parse(Path(setup.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))
    monkeypatch.setattr(setup, "NEEDED", (99,))
    with pytest.raises(setup.SetupError, match=rf"^this is Python {setup.VERSION}; name 3\.11 or newer"):
        setup.prepare(tmp_path, {"run"})


@pytest.mark.parametrize(
    ("wanted", "had"),
    [
        (["outer", "outer>=1,<2", "absent; python_version < '3'"], True),
        (["outer>=2"], False),
        (["absent"], False),
        (["outer[deep]"], False),  # for which another inner would be needed
    ],
)
def test_requirements_are_judged_with_their_ranges_markers_and_extras(
    wanted: list[str], had: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "outer", "inner<2", "inner>=2; extra == 'deep'")
    distribution(tmp_path, "inner")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert setup.has_all(wanted) is had
