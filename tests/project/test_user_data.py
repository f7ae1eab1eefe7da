"""What an instance of EC2 begins with: the script of the template, run on a folder in the place of `/`."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from aqi_service.cli import unknown_variables
from tests.doubles.instance import BUCKET, Instance
from tests.doubles.template import large, small, variables
from tests.doubles.units import environment_file
from tools.wheelhouse import pack

INSTALL = b'echo "installs as $(whoami) in $PWD" >installed\n'
PACKED = pack({"install.sh": INSTALL})
SHA256 = hashlib.sha256(PACKED).hexdigest()
OPTIONS = {"ExistingBucket": BUCKET, "ExistingTable": "a_table", "WheelhouseSha256": SHA256}
EVERYWHERE = "0.0.0.0"  # noqa: S104  # what is behind a balancer listens on all addresses
TEMPLATES = {"LoaderTemplate": "Loader", "ReplicaTemplate": "ReplicaGroup"}
"""Launch template -> the group whose instances begin with it."""


def script_of(template: str, **parameters: str) -> str:
    return large(**OPTIONS | parameters).user_data(template)


def uploaded(tmp_path: Path, body: bytes = PACKED) -> Instance:
    """A new instance, and its wheelhouse in the bucket."""
    instance = Instance(tmp_path)
    (instance.store / f"wheelhouse/{SHA256}.tar").write_bytes(body)
    return instance


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_script_is_one_that_bash_can_read_and_ec2_takes(template: str) -> None:
    script = script_of(template)
    done = subprocess.run(["/bin/bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert script.startswith("#!/bin/bash\n")
    assert len(script.encode()) < 16_384


@pytest.mark.parametrize(("template", "group"), TEMPLATES.items())
def test_an_instance_installs_the_wheelhouse_of_the_stack_and_says_that_it_is_ready(
    tmp_path: Path, template: str, group: str
) -> None:
    instance = uploaded(tmp_path)
    done = instance.begin(script_of(template))
    assert done.returncode == 0, done.stderr
    assert (instance.root / "opt/aqi-wheelhouse/installed").exists()
    assert instance.calls[-2].startswith("curl --fail")
    assert instance.calls[-2].endswith("http://127.0.0.1:8080/readyz")
    signal = f"cfn-signal --exit-code 0 --stack aqi --resource {group} --region eu-central-1"
    assert instance.calls[-1] == signal


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_wheelhouse_with_another_hash_is_not_unpacked(tmp_path: Path, template: str) -> None:
    instance = uploaded(tmp_path, PACKED + b"\0")
    done = instance.begin(script_of(template))
    assert done.returncode != 0
    assert not (instance.root / "opt/aqi-wheelhouse/install.sh").exists()
    assert not instance.called("curl")
    [signal] = instance.called("cfn-signal")
    assert signal.startswith("--exit-code 1 ")


def test_a_wheelhouse_that_is_not_in_the_bucket_fails_the_update(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    assert instance.begin(script_of("LoaderTemplate")).returncode != 0
    assert len(instance.called("sleep")) == 30  # the role may not be known yet
    assert instance.called("cfn-signal")[0].startswith("--exit-code 1 ")


def test_a_program_that_does_not_get_ready_fails_the_update(tmp_path: Path) -> None:
    instance = uploaded(tmp_path, body := pack({"install.sh": b"exit 3\n"}))
    script = script_of("LoaderTemplate").replace(SHA256, digest := hashlib.sha256(body).hexdigest())
    (instance.store / f"wheelhouse/{SHA256}.tar").rename(instance.store / f"wheelhouse/{digest}.tar")
    assert instance.begin(script).returncode == 3
    assert instance.called("cfn-signal")[0].startswith("--exit-code 3 ")


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_instance_that_failed_leaves_the_reason_on_its_console(tmp_path: Path, template: str) -> None:
    """An update that is taken back ends it at once, and what EC2 keeps of it for an hour is its console."""
    instance = uploaded(tmp_path, body := pack({"install.sh": b"echo no such wheel >&2; exit 3\n"}))
    script = script_of(template).replace(SHA256, digest := hashlib.sha256(body).hexdigest())
    (instance.store / f"wheelhouse/{SHA256}.tar").rename(instance.store / f"wheelhouse/{digest}.tar")
    instance.begin(script)
    assert "no such wheel\nthe log of --unit=aqi\n" in (instance.root / "dev/console").read_text()
    [asked, told] = [call for call in instance.calls if call.startswith(("journalctl", "cfn-signal"))]
    assert (asked.split()[0], told.split()[0]) == ("journalctl", "cfn-signal")


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("answers", [True, False])
def test_an_instance_that_failed_and_does_not_answer_makes_way_for_another_after_an_hour(
    tmp_path: Path, template: str, answers: bool
) -> None:
    """Of one that replaces another nobody hears: CloudFormation takes no signal then."""
    instance = Instance(tmp_path)
    instance.fails_at_first("cfn-signal", "", 1)
    instance.fails_at_first("curl", "healthz", 0 if answers else 1)
    assert instance.begin(script_of(template)).returncode != 0
    [told] = instance.called("systemd-run")
    assert told.startswith("--on-active=1h --unit=aqi-give-up sh -c ")
    instance.an_hour_later()
    assert instance.called("systemctl") == ([] if answers else ["poweroff"])


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_instance_that_began_well_is_left_alone(tmp_path: Path, template: str) -> None:
    instance = uploaded(tmp_path)
    assert instance.begin(script_of(template)).returncode == 0
    assert not instance.called("systemd-run")


def test_what_lies_under_settings_of_the_bucket_is_there_before_the_program_starts(tmp_path: Path) -> None:
    instance = uploaded(tmp_path)
    (instance.store / "settings/exclude-sensors").write_text("3843\n")
    assert instance.begin(script_of("ReplicaTemplate")).returncode == 0
    assert (instance.root / "etc/aqi/exclude-sensors").read_text() == "3843\n"
    assert (instance.root / "etc/aqi/aqi.env").read_text().startswith('AWS_REGION="eu-central-1"\n')


@pytest.mark.parametrize("template", TEMPLATES)
def test_settings_that_the_bucket_does_not_give_at_once_are_asked_for_again(
    tmp_path: Path, template: str
) -> None:
    instance = uploaded(tmp_path)
    (instance.store / "settings/exclude-sensors").write_text("3843\n")
    instance.fails_at_first("aws", "--recursive", 3)
    assert instance.begin(script_of(template)).returncode == 0
    assert len(instance.called("sleep")) == 3
    assert (instance.root / "etc/aqi/exclude-sensors").exists()


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    "value", ["a\\", '"a" <b>', "'a", 'a" b', "$(id) ${HOME} `id`", "%h ; # a=b", "END", r"a\nb \" c"]
)
def test_the_service_is_told_a_value_to_the_letter_and_loses_none_behind_it(
    tmp_path: Path, template: str, value: str
) -> None:
    instance = uploaded(tmp_path)
    script = script_of(template, Contact=value, Settings=f"AQI_TILES_ATTRIBUTION={value},AQI_SCALE=us-epa")
    assert instance.begin(script).returncode == 0
    told = environment_file((instance.root / "etc/aqi/aqi.env").read_text())
    assert told == variables(script)
    assert told["AQI_TILES_ATTRIBUTION"] == told.get("AQI_CONTACT", value) == value


@pytest.mark.parametrize("template", TEMPLATES)
def test_nobody_else_reads_the_settings_before_they_are_the_service_s(tmp_path: Path, template: str) -> None:
    instance = uploaded(tmp_path)
    (instance.store / "settings/server.key").write_text("a secret\n")
    instance.begin(script_of(template))
    modes = [(instance.root / "etc/aqi" / name).stat().st_mode & 0o077 for name in ("", "server.key")]
    assert modes == [0, 0]


def test_the_loader_is_told_what_the_parameters_say() -> None:
    script = script_of("LoaderTemplate", Contact="a b@example.org", Interval="900", TtlDays="7")
    assert variables(script) == {
        "AWS_REGION": "eu-central-1",
        "AQI_BUCKET": BUCKET,
        "AQI_BUCKET_OWNER": "123456789012",
        "AQI_TABLE": "a_table",
        "AQI_CLOUDWATCH": "aqi-service/aqi",
        "AQI_CONTACT": "a b@example.org",
        "AQI_INTERVAL": "900",
        "AQI_TTL_DAYS": "7",
        "AQI_HOST": EVERYWHERE,
        "AQI_HTTP_HOST": EVERYWHERE,
    }


def test_a_loader_without_a_balancer_answers_its_own_machine_alone() -> None:
    told = variables(small(**OPTIONS).user_data("LoaderTemplate"))
    assert (told["AQI_HOST"], told["AQI_HTTP_HOST"]) == ("127.0.0.1", "127.0.0.1")


def test_without_days_of_expiry_nothing_is_said_of_them() -> None:
    assert "AQI_TTL_DAYS" not in variables(script_of("LoaderTemplate", TtlDays="0"))


def test_a_replica_only_serves_and_tells_cloudwatch_nothing() -> None:
    told = variables(script_of("ReplicaTemplate"))
    assert told["AQI_SERVE_ONLY"] == "1"
    assert not {"AQI_CLOUDWATCH", "AQI_INTERVAL", "AQI_CONTACT"} & told.keys()


@pytest.mark.parametrize("template", TEMPLATES)
def test_other_options_come_by_a_list(template: str) -> None:
    told = variables(script_of(template, Settings="AQI_LOG_FORMAT=json, AQI_SCALE=us-epa"))
    assert (told["AQI_LOG_FORMAT"], told["AQI_SCALE"]) == ("json", "us-epa")


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_variable_is_one_that_the_program_knows(template: str) -> None:
    told = variables(script_of(template))
    assert unknown_variables(told) == []


def test_loader_and_replica_begin_in_the_same_way() -> None:
    """But for whom they signal, and their environment."""
    scripts = [
        re.sub(r"(?s)<<'END'\n.*?\nEND\n", "", script_of(template)).replace(f"--resource {group} ", "")
        for template, group in TEMPLATES.items()
    ]
    assert scripts[0] == scripts[1]
