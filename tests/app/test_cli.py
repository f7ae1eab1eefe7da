"""The command line: each option by flag and by variable, and what is refused."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from aqi_service.app import run
from aqi_service.app.config import Config
from aqi_service.app.options import FEED_URL
from aqi_service.cli import main, option_names, unknown_variables
from aqi_service.core.selection import Shard

DEFAULTS: dict[str, Any] = {
    "load_only": False, "serve_only": False, "feed_url": FEED_URL, "contact": None,
    "bucket": "mysensordatainjson", "bucket_owner": None, "table": "air_quality_data", "local": None,
    "create": False, "host": "127.0.0.1", "port": 12000, "tls_cert": None, "tls_key": None,
    "tls_client_ca": None, "http_host": "127.0.0.1", "http_port": None,
    "no_http": False, "tiles": None, "tiles_attribution": None,
    "max_connections": None, "max_per_address": None, "read_units": 200,
    "max_write_units": None, "price_per_million": 0.625,
    "interval": 3600, "sources": (),
    "snapshot_time": None, "since": None, "until": None, "shard": None, "export": None,
    "exclude_sensors": None, "delete_excluded": False, "force": False,
    "scale_name": "daqi", "rescore": False, "ttl_days": None, "keep_days": None,
    "max_bytes": 2 * 1024**3, "max_records": 1_000_000, "load_deadline": None, "cloudwatch": None,
    "dry_run": False, "log_format": "text", "log_level": "info",
}  # fmt: skip

VALUES: dict[str, tuple[str, str, Any]] = {
    "--feed-url": ("https://example.org/f.json", "feed_url", "https://example.org/f.json"),
    "--contact": ("me@example.org", "contact", "me@example.org"),
    "--bucket": ("my-bucket", "bucket", "my-bucket"),
    "--bucket-owner": ("123456789012", "bucket_owner", "123456789012"),
    "--table": ("my.table", "table", "my.table"),
    "--local": ("some/dir", "local", Path("some/dir")),
    "--host": ("0.0.0.0", "host", "0.0.0.0"),  # noqa: S104 (as a user types it; nothing is bound)
    "--port": ("0", "port", 0),
    "--tls-cert": ("a.pem", "tls_cert", Path("a.pem")),
    "--http-host": ("::1", "http_host", "::1"),
    "--http-port": ("65535", "http_port", 65535),
    "--exclude-sensors": ("list", "exclude_sensors", Path("list")),
    "--max-connections": ("7", "max_connections", 7),
    "--max-per-address": ("0", "max_per_address", 0),
    "--read-units": ("25", "read_units", 25),
    "--max-write-units": ("500", "max_write_units", 500),
    "--price-per-million": ("0.7", "price_per_million", 0.7),
    "--interval": ("300", "interval", 300),
    "--scale": ("us-epa", "scale_name", "us-epa"),
    "--ttl-days": ("14", "ttl_days", 14),
    "--max-bytes": ("1000", "max_bytes", 1000),
    "--max-records": ("7", "max_records", 7),
    "--load-deadline": ("1.5", "load_deadline", 1.5),
    "--cloudwatch": ("aqi/home", "cloudwatch", "aqi/home"),
    "--log-format": ("json", "log_format", "json"),
    "--log-level": ("debug", "log_level", "debug"),
}
TILES = "https://tiles.example.org/{z}/{x}/{y}.png"
WITH: dict[str, tuple[list[str], str, str, Any]] = {
    "--from": (["--load-only"], "a.json", "sources", ("a.json",)),
    "--snapshot-time": (["--load-only", "--from", "-"], "2023-12-20", "snapshot_time", 1_703_030_400),
    "--since": (["--load-only", "--from", "archive"], "2023-12-20", "since", 1_703_030_400),
    "--until": (["--load-only", "--from", "archive"], "2023-12-20", "until", 1_703_030_400),
    "--shard": (["--load-only", "--from", "archive"], "3/4", "shard", Shard(3, 4)),
    "--export": (["--load-only"], "out.csv", "export", "out.csv"),
    "--tls-key": (["--tls-cert", "a.pem"], "a.key", "tls_key", Path("a.key")),
    "--tls-client-ca": (["--tls-cert", "a.pem"], "ca.pem", "tls_client_ca", Path("ca.pem")),
    "--keep-days": (["--local", "d"], "14", "keep_days", 14),
    "--tiles": (["--tiles-attribution", "A"], TILES, "tiles", TILES),
    "--tiles-attribution": (["--tiles", TILES], "© A, B", "tiles_attribution", "© A, B"),
}
"""Options that need others beside them."""

SWITCHES: dict[str, list[str]] = {
    "--load-only": [],
    "--serve-only": [],
    "--create": [],
    "--no-http": [],
    "--rescore": [],
} | {
    "--dry-run": ["--load-only"],
    "--force": ["--load-only", "--from", "archive"],
    "--delete-excluded": ["--exclude-sensors", "list"],
}


@pytest.fixture
def configs(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The Configs that the command line decided, in place of running them."""
    seen: list[Config] = []

    def keep(config: Config) -> int:
        seen.append(config)
        return 0

    monkeypatch.setattr(run, "run", keep)
    return seen


def decided(configs: list[Config], *argv: str) -> Config:
    assert main(list(argv)) == 0
    return configs.pop()


def sentence(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Give what is said of a command line that is refused: exit 2, one line, nothing on stdout."""
    assert main(list(argv)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    return str(line)


def variable(flag: str) -> str:
    return "AQI_" + flag[2:].replace("-", "_").upper()


def test_without_options_every_setting_has_its_default(configs: list[Config]) -> None:
    config = decided(configs)
    assert {name: getattr(config, name) for name in DEFAULTS} == DEFAULTS
    assert {field.name for field in fields(Config)} == set(DEFAULTS)


def test_the_tables_of_these_tests_name_every_option() -> None:
    assert set(option_names()) == {*VALUES, *WITH, *SWITCHES, "--version"}


@pytest.mark.parametrize("flag", VALUES)
def test_an_option_is_read_from_its_flag(configs: list[Config], flag: str) -> None:
    text, field, value = VALUES[flag]
    assert getattr(decided(configs, flag, text), field) == value
    assert getattr(decided(configs, f"{flag}={text}"), field) == value


@pytest.mark.parametrize("flag", VALUES)
def test_an_option_is_read_from_its_variable_and_the_flag_wins(
    configs: list[Config], flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, field, value = VALUES[flag]
    monkeypatch.setenv(variable(flag), text)
    assert getattr(decided(configs), field) == value
    monkeypatch.setenv(variable(flag), {"--scale": "report", "--log-level": "error"}.get(flag, "text"))
    assert getattr(decided(configs, flag, text), field) == value


@pytest.mark.parametrize("flag", WITH)
def test_an_option_that_needs_another_is_read_from_flag_and_variable(
    configs: list[Config], flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others, text, field, value = WITH[flag]
    assert getattr(decided(configs, *others, flag, text), field) == value
    monkeypatch.setenv(variable(flag), text)
    assert getattr(decided(configs, *others), field) == value


@pytest.mark.parametrize("flag", SWITCHES)
@pytest.mark.parametrize(
    ("word", "on"),
    [("1", True), ("true", True), ("yes", True), ("0", False), ("false", False), ("no", False)],
)
def test_a_switch_is_read_from_its_variable(
    configs: list[Config], flag: str, word: str, on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable(flag), word)
    field = flag[2:].replace("-", "_")
    assert getattr(decided(configs, *SWITCHES[flag]), field) is on
    assert getattr(decided(configs, *SWITCHES[flag], flag), field) is True


def test_from_is_repeatable_and_its_variable_is_separated_by_spaces(
    configs: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert decided(configs, "--load-only", "--from", "b c", "--from", "a").sources == ("b c", "a")
    monkeypatch.setenv("AQI_FROM", "x.json  -\thttps://example.org/y")
    assert decided(configs, "--load-only").sources == ("x.json", "-", "https://example.org/y")
    assert decided(configs, "--load-only", "--from", "a").sources == ("a",)


def test_an_empty_variable_counts_as_unset(configs: list[Config], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AQI_LOCAL", "AQI_PORT", "AQI_FROM", "AQI_CREATE", "AQI_TABLE", "AQI_CONTACT"):
        monkeypatch.setenv(name, "")
    config = decided(configs)
    assert {name: getattr(config, name) for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2023-12-20", 1_703_030_400),
        ("2023-12-20T18:55", 1_703_098_500),
        ("2023-12-20T18:55Z", 1_703_098_500),
    ],
)
def test_a_time_has_three_forms_and_is_utc(configs: list[Config], text: str, seconds: int) -> None:
    config = decided(configs, "--load-only", "--from", "-", "--snapshot-time", text)
    assert config.snapshot_time == seconds


@pytest.mark.parametrize("text", ["yesterday", "2023-13-01", "2023-12-20T18:55+01:00", "1703030400", ""])
def test_another_time_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = sentence(capsys, "--load-only", "--from", "-", "--snapshot-time", text)
    assert f"{text!r} is no time like 2023-12-20 or 2023-12-20T18:55Z" in said


REFUSED = (
    ("--load-only --serve-only", "exclude each other"),
    ("--from a", "--from needs --load-only"),
    ("--serve-only --from a", "--from needs --load-only"),
    ("--dry-run", "--dry-run needs --load-only"),
    ("--load-only --snapshot-time 2023-12-20", "exactly one --from"),
    ("--load-only --snapshot-time 2023-12-20 --from a --from b", "exactly one --from"),
    ("--load-only --from a --snapshot-time 1999-12-31T23:59", "--snapshot-time must lie from 2000 to 2099"),
    ("--load-only --from a --snapshot-time 2100-01-01", "--snapshot-time must lie from 2000 to 2099"),
    ("--keep-days 3", "--keep-days needs --local; on S3 use a lifecycle rule"),
    (
        "--max-write-units 9 --local d",
        "--max-write-units limits what DynamoDB bills; with --local it goes only with --dry-run",
    ),
    ("--price-per-million inf", "--price-per-million must be a number of dollars"),
    ("--local d --bucket-owner 1", "--bucket-owner means nothing with --local"),
    ("--interval 299", "at least 300 for data.sensor.community"),
    ("--interval 299 --feed-url http://DATA.sensor.community:80/x", "at least 300"),
    ("--feed-url feed.json", "files go to --from"),
    ("--feed-url http://[", "must be a URL"),
    ("--feed-url http://", "must be a URL"),
    ("--load-only --from=", "an empty text names nothing"),
    (
        "--load-only --from ftp://a/b",
        "--from reads a file, - (standard input), an http(s) URL, s3://bucket/key",
    ),
    ("--load-only --from s3://", "--from reads a file"),
    ("--load-only --from archive --snapshot-time 2023-12-20", "exactly one --from, of one snapshot"),
    ("--load-only --from s3://b/p/ --snapshot-time 2023-12-20", "exactly one --from, of one snapshot"),
    ("--load-only 2023.tar.gz --snapshot-time 2023-12-20", "exactly one --from, of one snapshot"),
    ("--load-only --since 2023-12-20", "need --from: they choose among several snapshots"),
    ("--until 2023-12-20", "need --from"),
    ("--load-only --shard 0/2", "need --from"),
    ("--load-only --force", "need --from"),
    ("--load-only --from archive --shard 2/2", "'2/2' is no share like 0/4: I/N, with I from 0 to N-1"),
    ("--load-only --from archive --shard 1", "'1' is no share like 0/4"),
    ("--load-only --from archive --since 2023-12-20 --until 2023-12-20", "--since must be before --until"),
    ("--load-only --dry-run --from s3://b/k.json", "--dry-run calls no AWS, so it cannot read s3://"),
    (
        "--load-only --dry-run --from s3://b/ --export a.csv",
        "--dry-run calls no AWS, so it cannot read s3://",
    ),
    ("--load-only --dry-run --from archive", "--dry-run calls no AWS, so it cannot read the archive"),
    ("--export out.csv", "--export needs --load-only: it writes the records of a run"),
    ("--load-only --export out.json", "--export writes a .csv or .ndjson file (.gz too), CSV to -"),
    ("--load-only --export s3://b/k.csv", "or s3://bucket/prefix/"),
    ("--load-only --export=", "--export writes a .csv or .ndjson file"),
    ("--load-only --from - --from -", "can be read only once"),
    ("--bucket=", "--bucket must be 3 to 63"),
    ("--bucket a/b", "--bucket must be 3 to 63"),
    ("--table ../x", "--table must be 3 to 255"),
    ("--local=", "names no folder"),
    ("--contact \x1b[0m", "--contact must be printable"),
    (f"--tiles {TILES}", "--tiles and --tiles-attribution need each other"),
    ("--tiles-attribution A", "--tiles and --tiles-attribution need each other"),
    ("--tiles ftp://a/{z}/{x}/{y} --tiles-attribution A", "--tiles must be a URL that begins with http"),
    (f"--tiles {TILES} --tiles-attribution \x1b[0m", "--tiles-attribution must be printable text"),
    ("--load-deadline nan", "--load-deadline must be a number of seconds"),
    ("--load-deadline inf", "--load-deadline"),
    ("--load-deadline 0", "--load-deadline"),
    ("--load-deadline soon", "'soon' is not a valid number"),
    ("--cloudwatch AWS/EC2", "--cloudwatch must be 1 to 255 characters of a-z A-Z 0-9"),
    ("--cloudwatch a:b", "--cloudwatch must be 1 to 255"),
    ("--cloudwatch=", "--cloudwatch must be 1 to 255"),
    ("--cloudwatch n --serve-only", "--cloudwatch is for loads of the live feed, not for --serve-only"),
    ("--cloudwatch n --load-only --dry-run", "--cloudwatch is for loads of the live feed"),
    ("--cloudwatch n --load-only --from archive", "--cloudwatch is for loads of the live feed"),
    ("--port 65536", "--port"),
    ("--port ssh", "'--port': 'ssh' is not a valid whole number"),
    ("--http-port -1", "--http-port"),
    ("--max-connections 0", "--max-connections"),
    ("--max-per-address -1", "--max-per-address"),
    ("--interval 0", "--interval"),
    ("--interval 99999999999999999999", "--interval"),
    ("--ttl-days 0", "--ttl-days"),
    ("--scale caqi", "'daqi', 'us-epa', 'report'"),
    ("--log-format xml", "--log-format"),
    ("--log-level loud", "--log-level"),
    ("--fed-url x", "--feed-url"),
    ("--interval", "--interval"),
    ("what", "--from needs --load-only, and so does a plain argument"),
)


@pytest.mark.parametrize(("line", "says"), REFUSED, ids=[line for line, _ in REFUSED])
def test_a_wrong_command_line_is_one_sentence_and_exit_2(
    line: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = sentence(capsys, *line.split(" "))
    assert said.startswith("aqi-service: ")
    assert says in said


def test_a_wrong_variable_is_one_sentence_and_exit_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AQI_NO_HTTP", "maybe")
    assert sentence(capsys).startswith(
        "aqi-service: Invalid value for '--no-http': 'maybe' is neither 1, true or yes nor 0, false or no ("
    )


def test_another_feed_may_be_asked_as_often_as_its_owner_likes(configs: list[Config]) -> None:
    assert decided(configs, "--feed-url", "http://localhost/f", "--interval", "1").interval == 1


def test_an_unknown_variable_is_a_warning_that_names_the_nearest() -> None:
    known = {variable(flag): "1" for flag in option_names()}
    assert unknown_variables({k: v for k, v in known.items() if k != "AQI_VERSION"}) == []
    assert unknown_variables({"AQI_SERVER_HOST": "x", "AQI_SERVER_PORT": "1", "aqi_x": "", "HOME": ""}) == []
    [warning] = unknown_variables({"AQI_FEEDURL": "x"})
    assert warning.endswith("AQI_FEEDURL is not known and has no effect; nearest: AQI_FEED_URL")
    assert len(unknown_variables({"AQI_": "", "AQI_SCALA": ""})) == 2


def test_an_unknown_variable_does_not_keep_the_program_from_running(
    configs: list[Config], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AQI_INTERVALL", "9")
    assert decided(configs).interval == 3600
    assert "nearest: AQI_INTERVAL" in capsys.readouterr().err


def test_plain_arguments_are_sources_as_well_and_win_over_the_variable(
    configs: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AQI_FROM", "a.json b.json")
    assert decided(configs, "--load-only").sources == ("a.json", "b.json")
    assert decided(configs, "--load-only", "c.json", "d.json").sources == ("c.json", "d.json")
    both = decided(configs, "--load-only", "c.json", "--from", "d.json", "e.json")
    assert sorted(both.sources) == ["c.json", "d.json", "e.json"]
    assert decided(configs, "--load-only", "--", "-c.json").sources == ("-c.json",)
