"""docker-compose.yml and the image, judged without an engine: by the real Compose binary."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from tests import ROOT
from tests.doubles.compose import compose, needs_compose, services, up
from tools.conformance import compose_arguments

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
IN_THE_IMAGE = "/opt/aqi/healthcheck.py"
VOLUMES_OF_A_BUCKET = 7
"""How many SeaweedFS takes at once for a new bucket (its default for one copy of each)."""

DATA_SERVICES = ("s3", "dynamodb")

DAEMONS = ("aqi", "aqi-aws", "aqi-home")
WATCHERS = ("prometheus", "grafana")


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@needs_compose
def test_compose_accepts_the_file_without_a_warning() -> None:
    done = compose("-f", "docker-compose.yml", "config", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_compose
def test_compose_would_refuse_a_misspelled_key(tmp_path: Path) -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").replace("mem_limit:", "memlimit:")
    (tmp_path / "broken.yml").write_text(text, encoding="utf-8")
    assert "memlimit" in compose("-f", str(tmp_path / "broken.yml"), "config", "--quiet").stderr


@needs_compose
@pytest.mark.parametrize(
    ("words", "started"),
    [
        ((), {"aqi", "s3", "dynamodb"}),
        (("aqi-aws",), {"aqi-aws"}),
        (("aqi-home",), {"aqi-home"}),
        (("--profile=watch",), {"aqi", "s3", "dynamodb", "prometheus", "grafana"}),
        (("aqi-home", "prometheus", "grafana"), {"aqi-home", "prometheus", "grafana"}),
    ],
    ids=["plain", "against AWS", "at home", "watched", "at home and watched"],
)
def test_up_starts_what_it_should_and_no_more(words: tuple[str, ...], started: set[str]) -> None:
    assert set(up(*words)) == started


@needs_compose
def test_all_daemons_are_of_one_image_and_shut_in_alike() -> None:
    found = [services()[name] for name in DAEMONS]
    own = ("command", "environment", "volumes", "profiles", "depends_on", "user")
    alike = [{key: value for key, value in each.items() if key not in own} for each in found]
    assert alike[0] == alike[1] == alike[2]
    assert {"ALL"} == {right for each in found for right in each["cap_drop"]}
    assert [each["read_only"] for each in found] == [True] * 3
    assert [each.get("depends_on") for each in found[1:]] == [None, None]


@needs_compose
def test_only_daemons_and_watchers_publish_ports_and_on_this_machine_alone() -> None:
    published = {
        name: [(port["host_ip"], port["published"], port["target"]) for port in service.get("ports", [])]
        for name, service in services().items()
    }
    assert published == {
        **{name: [("127.0.0.1", "12000", 12000), ("127.0.0.1", "8080", 8080)] for name in DAEMONS},
        "prometheus": [("127.0.0.1", "9090", 9090)],
        "grafana": [("127.0.0.1", "3000", 3000)],
        "s3": [],
        "dynamodb": [],
    }


@needs_compose
def test_every_service_has_a_health_check() -> None:
    found = services()
    assert [name for name in found if "healthcheck" not in found[name]] == []
    assert found["aqi"]["build"]["dockerfile"] == "deploy/Dockerfile"
    assert "\nHEALTHCHECK " in DOCKERFILE


@needs_compose
@pytest.mark.parametrize("name", [*DATA_SERVICES, *WATCHERS, "aqi-home"])
def test_the_data_outlive_their_containers(name: str) -> None:
    written = [volume["type"] for volume in services()[name]["volumes"] if not volume.get("read_only")]
    assert written == ["volume"]


@needs_compose
def test_images_are_pinned_to_a_version() -> None:
    images = [service["image"] for service in services().values() if "build" not in service]
    images += [line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("FROM ")]
    assert len(images) == 6
    assert [image for image in images if not any(sign.isdigit() for sign in image.partition(":")[2])] == []


@needs_compose
def test_the_service_waits_for_its_data_and_has_time_to_stop() -> None:
    aqi = services()["aqi"]
    assert {name: wait["condition"] for name, wait in aqi["depends_on"].items()} == dict.fromkeys(
        DATA_SERVICES, "service_healthy"
    )
    assert aqi["stop_grace_period"] == "15s"


@needs_compose
def test_a_stop_is_heard_before_python_runs_since_another_is_process_1() -> None:
    assert services()["aqi"]["init"] is True


@needs_compose
def test_the_service_uses_the_two_containers_and_a_bucket_of_its_own() -> None:
    aqi = services()["aqi"]
    assert aqi["environment"]["AWS_ENDPOINT_URL_S3"] == "http://s3:8333"
    assert aqi["environment"]["AWS_ENDPOINT_URL_DYNAMODB"] == "http://dynamodb:8000"
    assert aqi["command"][-2:] == ["--bucket", "aqi-snapshots-local"]


@needs_compose
def test_options_come_from_the_environment() -> None:
    aqi = services(AQI_SCALE="us-epa", PUBLISH_PORT="12001")["aqi"]
    assert aqi["environment"]["AQI_SCALE"] == "us-epa"
    assert aqi["environment"]["AQI_INTERVAL"] is None
    assert aqi["ports"][0]["published"] == "12001"


DECIDED = {"create", "from", "http-host", "load-only", "local", "serve-only", "tls-cert"}
"""What Compose's own commands settle, or is no setting of a daemon that runs."""


@needs_compose
@pytest.mark.parametrize("name", DAEMONS)
def test_what_the_runbook_has_one_set_gets_into_each_daemon(name: str) -> None:
    runbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8").partition("\n## Runbook\n")[2]
    advised = set(re.findall(r"`--([a-z-]+)(?: N)?`", runbook)) - DECIDED
    assert len(advised) > 3
    variables = {f"AQI_{option.upper().replace('-', '_')}" for option in advised}
    of_a_folder = {"AQI_KEEP_DAYS"} if name != "aqi-home" else set()
    assert variables - of_a_folder <= set(services()[name]["environment"])


@needs_compose
def test_against_aws_credentials_come_from_the_shell_or_a_folder_and_no_key_is_made_up() -> None:
    alone = services()["aqi-aws"]
    names = {name for name in alone["environment"] if name.startswith("AWS_")}
    assert {name for name in names if alone["environment"][name] is None} == names - {
        "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
    }  # fmt: skip
    assert [(each["type"], each["target"], each["read_only"]) for each in alone["volumes"]] == [
        ("volume", "/aws", True), ("volume", "/etc/aqi", True),
    ]  # fmt: skip
    given = services(AWS_ACCESS_KEY_ID="AKIA", AWS_PROFILE="p", AWS_FOLDER="/home/me/.aws", RUN_AS="1000")
    mine = given["aqi-aws"]
    assert (mine["environment"]["AWS_ACCESS_KEY_ID"], mine["environment"]["AWS_PROFILE"]) == ("AKIA", "p")
    assert (mine["volumes"][0]["type"], mine["volumes"][0]["source"]) == ("bind", "/home/me/.aws")
    assert (alone["user"], mine["user"]) == ("10001", "1000")
    assert given["aqi"]["environment"]["AWS_ACCESS_KEY_ID"] == "aqilocal"


@needs_compose
@pytest.mark.parametrize("name", DAEMONS)
def test_a_list_of_sensors_to_leave_out_gets_into_each_daemon(name: str) -> None:
    alone = services()[name]
    assert alone["environment"]["AQI_EXCLUDE_SENSORS"] is None
    given = services(AQI_EXCLUDE_SENSORS="/etc/aqi/left-out.txt", SETTINGS_FOLDER="/home/me/settings")[name]
    assert given["environment"]["AQI_EXCLUDE_SENSORS"] == "/etc/aqi/left-out.txt"
    for service, kind, source in ((alone, "volume", "no-settings"), (given, "bind", "/home/me/settings")):
        [mount] = [each for each in service["volumes"] if each["target"] == "/etc/aqi"]
        assert (mount["type"], mount["source"], mount["read_only"]) == (kind, source, True)


@needs_compose
def test_at_home_nothing_speaks_of_aws_and_nothing_is_kept_for_ever() -> None:
    home = services()["aqi-home"]
    assert [name for name in home["environment"] if name.startswith("AWS_")] == []
    assert home["command"][:2] == ["--local", home["volumes"][0]["target"]]
    assert (home["environment"]["AQI_TTL_DAYS"], home["environment"]["AQI_KEEP_DAYS"]) == ("14", "14")
    assert services(AQI_TTL_DAYS="30")["aqi-home"]["environment"]["AQI_TTL_DAYS"] == "30"


@needs_compose
def test_prometheus_and_grafana_have_the_files_of_deploy_and_find_each_other() -> None:
    found = services()
    mounts = {
        each["target"]: Path(each["source"]).relative_to(ROOT)
        for name in WATCHERS
        for each in found[name]["volumes"]
        if each["type"] == "bind"
    }
    assert mounts == {
        "/etc/prometheus": Path("deploy/prometheus"),
        "/etc/grafana/provisioning": Path("deploy/grafana/provisioning"),
        "/etc/grafana/dashboards": Path("deploy/grafana/dashboards"),
    }
    [job] = read("deploy/prometheus/prometheus.yml")["scrape_configs"]
    assert [each["port"] for each in job["dns_sd_configs"]] == [8080]
    assert job["dns_sd_configs"][0]["names"] == list(DAEMONS)
    [source] = read("deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    [folder] = read("deploy/grafana/provisioning/dashboards/aqi-service.yml")["providers"]
    assert folder["options"]["path"] in mounts
    home = Path(found["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ROOT / mounts[str(home.parent)] / home.name).exists()


def test_the_image_runs_as_a_user_without_rights() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2].splitlines()
    assert "USER 10001" in last_stage


def instruction(name: str) -> str:
    """Give the last instruction of that name of the image, on one line."""
    return DOCKERFILE.replace("\\\n", "").rpartition(f"\n{name} ")[2].partition("\n")[0]


def image_check() -> list[str]:
    command: list[str] = json.loads(instruction("HEALTHCHECK").partition(" CMD ")[2])
    return command


@needs_compose
def test_compose_asks_whether_lookups_are_answered_and_the_image_only_whether_the_process_lives() -> None:
    assert image_check() == ["python", IN_THE_IMAGE, "/healthz"]
    for name in DAEMONS:
        assert services()[name]["healthcheck"]["test"] == ["CMD", "python", IN_THE_IMAGE, "/readyz"]
    assert f"\nCOPY deploy/healthcheck.py {IN_THE_IMAGE}\n" in DOCKERFILE


def test_the_images_data_folder_belongs_to_its_user() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    before, _, after = last_stage.partition("\nUSER 10001\n")
    assert "install --directory --owner=aqi --mode=700 /data" in before
    assert "VOLUME" not in after


@needs_compose
def test_the_client_in_the_container_can_save_where_it_starts() -> None:
    """`docker compose exec aqi aqi-client ID`: all but the tmpfs is read-only there."""
    aqi = services()["aqi"]
    assert aqi["read_only"] is True
    assert instruction("WORKDIR") in [mount.partition(":")[0] for mount in aqi["tmpfs"]]
    assert "PATH=/opt/aqi/bin:" in instruction("ENV")


@needs_compose
def test_the_s3_server_is_started_with_what_make_conformance_starts_it_with() -> None:
    assert services()["s3"]["command"] == compose_arguments("s3")


@needs_compose
def test_the_s3_server_has_volumes_for_many_buckets_and_takes_no_disk_in_advance() -> None:
    options = dict(word.lstrip("-").split("=") for word in compose_arguments("s3") if "=" in word)
    assert int(options["volume.max"]) >= 20 * VOLUMES_OF_A_BUCKET
    assert options["master.volumePreallocate"] == "false"
