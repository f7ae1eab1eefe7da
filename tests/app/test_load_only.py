"""`--load-only` on one machine: what it prints, its exit codes, and that running it again is safe."""

import asyncio
import gzip
import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aqi_service import __version__
from aqi_service.app.commands import CLIENT
from aqi_service.app.loads import tell_what_stays, warn_without_contact
from aqi_service.app.options import FEED_URL
from tests import DATA
from tests.doubles.config import config
from tests.doubles.feed_server import CHUNKED, answer, chunked, feed_server, head
from tests.doubles.load_helpers import document
from tests.doubles.local_helpers import stored
from tests.doubles.log_lines import lines
from tests.doubles.patience import PATIENCE
from tests.doubles.program import CAPTURE, RECORD, environment, ran, running, typed

CUT = DATA / "sensor-community-2017-08-10-cut.json.gz"
HINT = f"3565 records, for instance: {typed(CLIENT, Path(__file__))} {RECORD}"
ON_D = ("--load-only", "--local", "d")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_load_prints_its_report_alone_on_stdout_and_what_a_person_wants_on_stderr(
    tmp_path: Path,
) -> None:
    done = await ran(*ON_D, "--from", str(CAPTURE), cwd=tmp_path)
    assert (done.code, done.err) == (
        0,
        f"aqi_service {__version__}, folder d, scale daqi, interval none\n{HINT}\n",
    )
    [report] = done.reports
    assert (report["status"], report["snapshot"]) == ("complete", "data_10_08_17_11_23.json")
    assert (report["records"], report["stored"], report["without_pm"]) == (6874, 3565, 3262)
    assert stored(tmp_path / "d") == 3565


async def test_a_second_load_of_the_same_is_unchanged_and_exit_0(tmp_path: Path) -> None:
    await ran(*ON_D, "--from", str(CAPTURE), cwd=tmp_path)
    before = files(tmp_path)
    done = await ran(*ON_D, "--from", str(CAPTURE), "--force", cwd=tmp_path)
    assert (done.code, done.reports[0]["status"], done.reports[0]["unchanged"]) == (0, "unchanged", 3565)
    assert done.last == HINT
    assert files(tmp_path) == before


async def test_a_cut_file_is_failed_with_exit_1_and_one_sentence(tmp_path: Path) -> None:
    done = await ran(*ON_D, "--from", str(CUT), cwd=tmp_path)
    [report] = done.reports
    assert (done.code, report["status"], report["snapshot"], report["pending"]) == (1, "failed", None, 0)
    assert done.last == f"aqi-service: failed: {CUT}: {report['error']}"
    assert not [name for name in files(tmp_path) if "snapshots" in name]


async def test_what_is_no_snapshot_is_rejected_with_exit_1(tmp_path: Path) -> None:
    done = await ran(*ON_D, "--from", "-", cwd=tmp_path, stdin=b'{"error": "maintenance"}')
    assert (done.code, done.reports[0]["status"]) == (1, "rejected")
    assert done.last.startswith("aqi-service: rejected: stdin: ")


async def test_sources_are_lines_in_the_order_of_their_time_and_a_failed_one_does_not_keep_the_next_back(
    tmp_path: Path,
) -> None:
    cut = "data_01_01_17_00_00.json"
    (tmp_path / cut).write_bytes(CUT.read_bytes())
    done = await ran(*ON_D, "--from", str(CAPTURE), "--from", cut, cwd=tmp_path)
    assert (done.code, [report["status"] for report in done.reports]) == (1, ["failed", "complete"])
    assert f"aqi-service: failed: {cut}: " in done.err


async def test_a_source_that_is_not_there_is_exit_2_and_the_others_are_not_loaded(tmp_path: Path) -> None:
    done = await ran(*ON_D, "--from", str(CAPTURE), "--from", "absent.json", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.last == "aqi-service: absent.json: there is no such file"
    assert [*os.scandir(tmp_path)] == []  # nor is the folder made for them


async def test_standard_input_is_a_source_gzip_or_not(tmp_path: Path) -> None:
    packed = CAPTURE.read_bytes()
    for body, folder in ((packed, "d"), (gzip.decompress(packed), "e")):
        options = ("--load-only", "--local", folder, "--from", "-", "--snapshot-time", "2017-08-10T11:23Z")
        done = await ran(*options, cwd=tmp_path, stdin=body)
        [report] = done.reports
        assert (done.code, report["source"], report["stored"]) == (0, "stdin", 3565)
        assert report["snapshot"] == "data_10_08_17_11_23.json"


async def test_a_url_is_a_source_and_its_credentials_are_not_printed(tmp_path: Path) -> None:
    async with feed_server((answer(CAPTURE.read_bytes()),)) as feed:
        url = feed.url("/data_10_08_17_11_23.json.gz?token=hidden", user="me:hidden")
        done = await ran(*ON_D, "--from", url, "--contact", "me@example.org", cwd=tmp_path)
    assert (done.code, done.reports[0]["snapshot"]) == (0, "data_10_08_17_11_23.json")
    assert "hidden" not in done.out + done.err
    assert feed.requests[0].headers["user-agent"] == f"aqi_service/{__version__} (+me@example.org)"


async def test_without_a_source_the_live_feed_is_loaded(tmp_path: Path) -> None:
    async with feed_server((answer(CAPTURE.read_bytes(), ETag='"a"'),), (answer(status="304 Not"),)) as feed:
        first = await ran(*ON_D, cwd=tmp_path, env={"AQI_FEED_URL": feed.url()})
        second = await ran(*ON_D, cwd=tmp_path, env={"AQI_FEED_URL": feed.url()})
    assert (first.code, second.code) == (0, 0)
    assert (first.reports[0]["status"], second.reports[0]["status"]) == ("complete", "unchanged")
    assert feed.requests[1].headers["if-none-match"] == '"a"'
    assert feed.requests[1].headers["user-agent"] == f"aqi_service/{__version__} (no contact given)"
    assert "no_contact" not in first.err  # this feed is no one's who asks for a contact


@pytest.mark.parametrize(
    ("settings", "warns"),
    [
        ({"feed_url": FEED_URL}, True),
        ({"feed_url": FEED_URL, "contact": "me@example.org"}, False),
        ({"feed_url": "http://localhost/f.json"}, False),
        ({"feed_url": FEED_URL, "load_only": True, "sources": ("a.json",)}, False),
        (
            {"load_only": True, "sources": ("a.json", "https://data.sensor.community/static/v2/data.json")},
            True,
        ),
    ],
)
def test_asking_the_official_feed_s_host_without_a_contact_is_one_warning_that_says_what_to_set(
    settings: dict[str, object], warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    warn_without_contact(config(**settings))
    assert ["no_contact hint=\"the feed's operators ask" in line for line in lines(caplog)] == [True] * warns
    assert all("set AQI_CONTACT, or --contact, to your mail address" in line for line in lines(caplog))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "what=items hint='--ttl-days N ends that;"),
        ({"ttl_days": 30}, None),
        ({"local": Path("d"), "ttl_days": 30}, "what=snapshots hint='--keep-days N ends that;"),
        ({"local": Path("d"), "keep_days": 30}, None),
    ],
)
def test_a_daemon_says_in_one_line_what_it_keeps_for_ever(
    settings: dict[str, object], told: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        tell_what_stays(config(**settings))
    assert [told in line for line in lines(caplog) if told] == [True] * (told is not None)
    assert len(lines(caplog)) == (told is not None)


async def test_a_load_that_never_expires_is_warned_of_where_the_newest_load_does(tmp_path: Path) -> None:
    load = (*ON_D, "--from", str(CAPTURE))
    options = (("--ttl-days", "9000"), ("--rescore", "--scale", "us-epa"))
    daily, bare = [await ran(*load, *each, cwd=tmp_path) for each in options]
    assert (daily.code, bare.code, "never_expires" in daily.err) == (0, 0, False)
    assert (
        "never_expires days=9000 hint=\"the newest load's expire after 9000 days; --ttl-days 9000 "
        in bare.err
    )


async def test_a_source_that_does_not_answer_is_exit_1_and_one_sentence(tmp_path: Path) -> None:
    async with feed_server((answer(status="404 Not Found"),)) as feed:
        done = await ran(*ON_D, "--from", feed.url("/nothing"), cwd=tmp_path)
    assert (done.code, done.reports[0]["status"]) == (1, "failed")
    assert done.last.endswith("/nothing answers 404 Not Found")


@pytest.mark.parametrize("place", [("--local", "d"), ()])
async def test_a_dry_run_needs_no_aws_and_writes_nothing(place: tuple[str, ...], tmp_path: Path) -> None:
    done = await ran("--load-only", "--dry-run", *place, "--from", str(CAPTURE), cwd=tmp_path)
    [report] = done.reports
    assert (done.code, report["status"], report["dry_run"], report["stored"]) == (0, "complete", True, 3565)
    assert done.err == f"aqi_service {__version__}, dry run, nothing is written, scale daqi, interval none\n"
    assert entries(tmp_path) == []


async def test_a_table_scored_on_another_scale_is_exit_2_until_rescore_is_given(tmp_path: Path) -> None:
    epa = (*ON_D, "--from", str(CAPTURE), "--scale", "us-epa")
    await ran(*ON_D, "--from", str(CAPTURE), cwd=tmp_path)
    refused = await ran(*epa, cwd=tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert "is scored on daqi, not us-epa: add --rescore" in refused.last
    assert (await ran(*epa, "--rescore", cwd=tmp_path)).code == 0


async def test_records_that_are_all_expired_are_no_instance_to_look_up(tmp_path: Path) -> None:
    done = await ran(*ON_D, "--from", str(CAPTURE), "--ttl-days", "14", cwd=tmp_path)
    assert (done.code, done.reports[0]["expired"], done.reports[0]["stored"]) == (0, 3565, 0)
    assert "for instance" not in done.err


async def test_keep_days_deletes_old_snapshots_that_are_finished(tmp_path: Path) -> None:
    await ran(*ON_D, "--from", str(CAPTURE), cwd=tmp_path)
    rejects = "d/rejects/air_quality_data/data_10_08_17_11_23.ndjson"
    assert {"d/snapshots/data_10_08_17_11_23.json.gz", rejects} < files(tmp_path)
    body = document(*range(2000), timestamp=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"))
    await ran(*ON_D, "--from", "-", "--keep-days", "14", cwd=tmp_path, stdin=body)
    left = [name for name in files(tmp_path) if name.startswith("d/snapshots/") and name.endswith(".gz")]
    assert len(left) == 1
    assert "10_08_17" not in left[0]
    assert rejects not in files(tmp_path)  # they hold whole records


async def test_a_signal_ends_a_load_in_order_with_exit_1_and_leaves_nothing_half(tmp_path: Path) -> None:
    begun = head(**CHUNKED) + chunked(gzip.decompress(CAPTURE.read_bytes())[:300_000], last=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        async with feed_server((begun, (stalled := asyncio.Event()))) as feed:
            (tmp_path / "never.json").write_bytes(b"[]")
            options = (*ON_D, "--from", feed.url(), "--from", "never.json")
            async with running(*options, cwd=tmp_path) as program:
                await feed.asked.wait()
                program.tell(number)
                report = await program.report()
                assert await program.ended() == 1
            assert not stalled.is_set()
        assert (report["status"], report["error"], report["snapshot"]) == ("failed", "interrupted", None)
        assert len(program.out) == 1
        assert [line.partition(" snapshots in ")[0] for line in program.err if line.endswith("missing")] == [
            "1 of 2"
        ]
        assert not [name for name in files(tmp_path) if "/snapshots/" in name or "partial" in name]


async def test_a_folder_that_cannot_be_used_is_exit_2_and_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("a file")
    done = await ran(*ON_D, "--from", str(CAPTURE), cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.last.startswith("aqi-service: ")
    assert "a file is in the place of a folder" in done.last


async def test_a_folder_that_cannot_be_made_is_exit_2_and_says_what_to_do(tmp_path: Path) -> None:
    done = await ran("--load-only", "--local", "/proc/d", "--from", str(CAPTURE), cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.last.endswith("there is no such folder, and none can be made there; name another folder.")


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell command in which $LOAD loads the capture twice."""
    load = f"{sys.executable} -m aqi_service --load-only --local d --from {CAPTURE} --from {CAPTURE}"
    return subprocess.run(
        ["/bin/bash", "-c", command], cwd=cwd, env=environment(LOAD=load), text=True, capture_output=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip


def test_a_report_that_cannot_be_printed_costs_no_load_but_is_exit_1(tmp_path: Path) -> None:
    done = shell("$LOAD >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("the report cannot be printed: No space left on device") == 2
    assert done.stderr.count(HINT) == 2
    assert "Traceback" not in done.stderr


def test_a_standard_error_that_nobody_reads_costs_no_load(tmp_path: Path) -> None:
    done = shell("$LOAD 2> >(true)", tmp_path)
    assert (done.returncode, done.stdout.count("\n")) == (0, 2)
    assert stored(tmp_path / "d") == 3565


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_that_cannot_be_written_is_one_sentence_and_exit_1(flag: str, tmp_path: Path) -> None:
    done = shell(f"{sys.executable} -m aqi_service {flag} >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "aqi-service: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-"])
@pytest.mark.parametrize("wrong", ["--port x", "--load-only --local /proc/d --from -"])
def test_a_refusal_that_nobody_reads_keeps_its_exit_code(wrong: str, stderr: str, tmp_path: Path) -> None:
    assert shell(f"{sys.executable} -m aqi_service {wrong} {stderr}", tmp_path).returncode == 2


def test_a_reader_of_the_reports_that_goes_away_is_passed_over_in_silence(tmp_path: Path) -> None:
    done = shell("$LOAD | true; exit ${PIPESTATUS[0]}", tmp_path)
    assert done.returncode == 0
    *hints, summary = done.stderr.splitlines()[1:]
    assert hints == [HINT, HINT]
    assert summary.startswith("2 of 2 snapshots in ")


def test_the_program_runs_without_standard_streams(tmp_path: Path) -> None:
    assert shell("$LOAD <&- >&- 2>&-", tmp_path).returncode == 0
    assert stored(tmp_path / "d") == 3565
    without_stderr = shell("$LOAD 2>&-", tmp_path)
    assert [line[0] for line in without_stderr.stdout.splitlines()] == ["{", "{"]


async def test_closed_standard_input_as_a_source_is_no_snapshot(tmp_path: Path) -> None:
    closed = await ran(*ON_D, "--from", "-", cwd=tmp_path, preexec=lambda: os.close(0))
    assert (closed.code, closed.reports[0]["records"]) == (1, 0)


async def test_with_json_every_line_on_stderr_is_an_object_that_has_event_facts_and_sentence(
    tmp_path: Path,
) -> None:
    options = ("--load-only", "--local", "d", "--log-format", "json")
    done = await ran(*options, "--from", str(CAPTURE), cwd=tmp_path)
    started, example = map(json.loads, done.err.splitlines())
    assert (done.code, started["event"], started["location"]) == (0, "started", "folder d")
    assert started["message"].startswith(f"aqi_service {__version__}, folder d, ")
    facts = {key: example[key] for key in ("event", "level", "records", "record_id", "message")}
    assert facts == {
        "event": "lookup_example", "level": "info", "records": 3565, "record_id": RECORD, "message": HINT
    }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{32}", example["load_id"])


@pytest.mark.parametrize(
    ("options", "env", "event"),
    [
        (("--log-format", "json", "--nonsense"), {}, "usage_error"),
        (("--nonsense",), {"AQI_LOG_FORMAT": "json"}, "usage_error"),
        (("--log-format=json", "--load-only", "--from", "absent", "--local", "file/d"), {}, "ended"),
    ],
)
async def test_with_json_what_ends_the_program_is_an_object_too(
    options: tuple[str, ...], env: dict[str, str], event: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = await ran(*options, cwd=tmp_path, env=env)
    line = json.loads(done.last)
    assert (done.code, line["event"], line["level"], line["exit_code"]) == (2, event, "error", 2)
    assert line["message"].startswith("aqi-service: ")
