"""tools/wheelhouse.py and deploy/install.sh: packed by hash, installed by hash. Nothing reaches an index."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles.instance import Instance
from tools import wheelhouse
from tools.dist import extract

WHEELS = {"aqi_service": "1.2.0", "orjson": "3.0"}


def wheel(folder: Path, name: str, tag: str = "py3-none-any") -> Path:
    """Write a small wheel."""
    version = WHEELS[name]
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


class Project:
    """A project with one requirement, which pip finds in a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.links = folder / "project", folder / "links"
        for made in (self.root / "requirements", self.links, folder / "own"):
            made.mkdir(parents=True)
        shutil.copytree(ROOT / "deploy", self.root / "deploy")
        self.own = wheel(folder / "own", "aqi_service")
        self.lock(wheel(self.links, "orjson", "cp311-cp311-manylinux_2_17_aarch64"))
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(self.links))

    def lock(self, found: Path) -> None:
        digest = hashlib.sha256(found.read_bytes()).hexdigest()
        listed = (
            f"# locked\norjson==3.0 ; sys_platform == 'a-machine-of-ours' \\\n    --hash=sha256:{digest}\n"
        )
        (self.root / "requirements/run.txt").write_text(listed)

    def pack(self, capsys: pytest.CaptureFixture[str]) -> Path:
        """Make a wheelhouse; give the tar."""
        code = wheelhouse.main(["--wheel", str(self.own)], self.root)
        out, err = capsys.readouterr()
        assert code == 0, err
        return self.root / f"build/wheelhouse/{out.strip()}.tar"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


def test_a_wheelhouse_has_the_wheels_for_arm64_and_the_hashes_that_install_them(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = project.pack(capsys)
    assert packed.stem == hashlib.sha256(packed.read_bytes()).hexdigest()
    with tarfile.open(packed) as tar:
        names = [(entry.name, entry.uid, entry.mtime, entry.mode) for entry in tar]
        listed = tar.extractfile("requirements.txt")
        assert listed
        lines = listed.read().decode()
    wanted = ("aqi.service", "install.sh", "requirements.txt")
    wheels = ("aqi_service-1.2.0-py3-none-any.whl", "orjson-3.0-cp311-cp311-manylinux_2_17_aarch64.whl")
    assert names == [(name, 0, 0, 0o644) for name in (*wanted, *(f"wheels/{name}" for name in wheels))]
    assert lines.startswith((project.root / "requirements/run.txt").read_text())
    digest = hashlib.sha256(project.own.read_bytes()).hexdigest()
    assert lines.endswith(f"aqi-service==1.2.0 \\\n    --hash=sha256:{digest}\n")


def test_the_same_sources_give_the_same_bytes(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = project.pack(capsys)
    os.utime(project.own, (0, 0))
    assert project.pack(capsys) == first


def test_a_wheel_with_another_hash_is_one_sentence_and_no_wheelhouse(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    [found] = project.links.iterdir()
    found.write_bytes(found.read_bytes() + b"\0")
    assert wheelhouse.main(["--wheel", str(project.own)], project.root) == 1
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith(
        "wheelhouse: pip could not download the wheels (ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"
    )
    assert not (project.root / "build").exists()


def test_every_locked_requirement_of_any_machine_is_asked_for() -> None:
    locked = (ROOT / "requirements/run.txt").read_text(encoding="utf-8")
    asked = wheelhouse.without_markers(locked)
    assert " ; " in locked
    assert " ; " not in asked
    assert asked.count("==") == locked.count("==")
    assert [line for line in asked.splitlines() if line.startswith(" ")] == [
        line for line in locked.splitlines() if line.startswith(" ")
    ]


def unpacked(folder: Path, *wheels: Path) -> Path:
    """Unpack a wheelhouse of the real deploy/ and these wheels."""
    listed = "".join(wheelhouse.requirement(path.name, path.read_bytes()) for path in wheels)
    files = {name: (ROOT / "deploy" / name).read_bytes() for name in wheelhouse.FILES}
    files |= {f"wheels/{path.name}": path.read_bytes() for path in wheels}
    with tarfile.open(
        fileobj=io.BytesIO(wheelhouse.pack(files | {"requirements.txt": listed.encode()}))
    ) as tar:
        extract(tar, folder)
    return folder


def test_an_installation_has_what_the_list_names_and_starts_the_unit(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    house = unpacked(tmp_path / "house", wheel(tmp_path, "aqi_service"))

    done = instance.install(house)

    assert (done.returncode, done.stderr) == (0, "")
    python = instance.root / "opt/aqi/bin/python"
    said = subprocess.run(
        [python, "-I", "-c", "import aqi_service; print(aqi_service.VERSION)"],
        env={}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "1.2.0\n"
    unit = instance.root / "etc/systemd/system/aqi.service"
    assert unit.read_bytes() == (ROOT / "deploy/aqi.service").read_bytes()
    assert instance.called("dnf") == ["--assumeyes --quiet install python3.11"]
    assert instance.called("useradd")[0].endswith("--shell /sbin/nologin aqi")  # whom the unit names
    assert instance.called("systemctl") == ["daemon-reload", "enable aqi.service", "restart aqi.service"]


def test_a_mirror_that_is_away_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    house = unpacked(tmp_path / "house", wheel(tmp_path, "aqi_service"))
    instance.fails_at_first("dnf", "python3.11", 2)
    instance.fails_at_first("python3.11", "venv", 1)  # what comes next is another test's
    instance.install(house)
    assert len(instance.called("dnf")) == 3
    assert len(instance.called("python3.11")) == 1


def test_without_python_nothing_is_installed(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    house = unpacked(tmp_path / "house", wheel(tmp_path, "aqi_service"))
    instance.fails_at_first("dnf", "python3.11", 100)
    assert instance.install(house).returncode != 0
    assert len(instance.called("dnf")) == 5
    assert instance.called("systemctl") == []


def test_settings_are_for_the_service_alone(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    key = instance.root / "etc/aqi/server.key"
    key.parent.mkdir(parents=True)
    key.write_text("a secret")

    done = instance.install(unpacked(tmp_path / "house", wheel(tmp_path, "aqi_service")))

    assert done.returncode == 0, done.stderr
    assert [path.stat().st_mode & 0o777 for path in (key.parent, key)] == [0o750, 0o640]
    assert instance.called("chgrp") == [f"--recursive aqi {key.parent}"]


def test_a_wheel_that_was_exchanged_is_not_installed_and_nothing_starts(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    house = unpacked(tmp_path / "house", wheel(tmp_path, "aqi_service"))
    [found] = (house / "wheels").iterdir()
    found.write_bytes(found.read_bytes() + b"\0")

    done = instance.install(house)

    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert instance.called("systemctl") == []
