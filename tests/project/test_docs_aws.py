"""The commands of docs/aws.md and docs/operations.md, as far as they can be judged without running them.

`make manual` runs those of docs/aws.md on moto, by AWS's own command line.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from tests import ROOT
from tests.doubles.shown_blocks import blocks
from tests.doubles.template import read_template

AWS, OPERATIONS = blocks(ROOT / "docs" / "aws.md"), blocks(ROOT / "docs" / "operations.md")
SHELL = (
    "aws ",
    "aqi-service ",
    "aqi-client ",
    "export ",
    "openssl ",
    "sudo ",
    "systemctl ",
    "git ",
    "echo ",
    "MARKER=",
    "python3 -m venv ",
    "mkdir ",
)
COMMANDS = [
    block
    for page in (AWS, OPERATIONS)
    for found in page.values()
    for block in found
    if any(line.startswith(SHELL) for line in block.splitlines())
]
TEN = AWS["From an empty account to a running service"][0]

BY_HAND = {
    ("s3", "cp"): {"recursive"},
    ("s3", "sync"): {"source-region", "exclude", "include"},
    ("s3", "rm"): {"recursive", "exclude", "include"},
    ("s3", "ls"): set(),
    ("ecr", "get-login-password"): set(),
    ("cloudformation", "deploy"): {"stack-name", "template-file", "capabilities", "parameter-overrides"},
    ("cloudformation", "wait"): {"stack-name"},
    ("dynamodb", "wait"): {"table-name"},
}
"""What the command line has beside AWS's operations, with the options of it that are shown."""

GLOBAL = {"query", "output", "region"}


@cache
def service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


def calls() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Give service, command and options of each call that is shown."""
    for block in COMMANDS:
        for text in re.findall(r"\baws ((?:[a-z0-9-]+ )[a-z0-9-]+(?: .*)?)", block.replace("\\\n", " ")):
            try:
                words = shlex.split(re.split(r"\s\||; fi|;|`\s*$", text)[0])
            except ValueError:  # cut in a quotation, of which the options before are enough
                words = text.split()
            options = frozenset(word[2:] for word in words if re.fullmatch("--[a-z-]+", word))
            yield words[0], words[1], options


@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: block.split("\n")[0][:40])
def test_a_shell_can_read_each_block_of_commands(block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)  # noqa: S607
    assert (done.returncode, done.stderr) == (0, "")


def test_each_call_of_aws_is_one_that_there_is_with_options_that_it_has() -> None:
    seen = set(calls())
    assert len(seen) > 20
    for name, command, options in seen:
        if (name, command) in BY_HAND:
            assert options <= BY_HAND[name, command] | GLOBAL, (name, command, options)
            continue
        model = service("s3" if name == "s3api" else name)
        operations = {xform_name(each, "-"): each for each in model.operation_names}
        assert command in operations, (name, command)
        members = model.operation_model(operations[command]).input_shape.members
        assert options <= {xform_name(each, "-") for each in members} | GLOBAL, (name, command, options)


def test_a_wheelhouse_that_was_not_made_ends_nothing_that_runs() -> None:
    """An empty hash is the first step, and who pastes lines does not see that one of them failed."""
    lines = [line for found in AWS.values() for block in found for line in block.splitlines()]
    using = [line for line in lines if re.search(r"\$\{?SHA\b", line)]
    assert len(using) == 5
    for line in using:
        script = f"aws() {{ echo called; }}\nSHA=\n{line}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)  # noqa: S607
        assert "SHA: parameter null or not set" in done.stderr
        assert not done.stdout


def test_lines_that_are_pasted_behind_a_long_answer_are_not_lost_in_a_pager() -> None:
    """AWS's command line, version 2, opens one for whatever is longer than the screen."""
    script = f"{TEN.splitlines()[0]}\ndeclare -p AWS_PAGER"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)  # noqa: S607
    assert done.stdout == 'declare -x AWS_PAGER=""\n'


def test_recovery_of_a_table_that_was_just_restored_is_asked_for_until_aws_gives_it() -> None:
    """It refuses at first: "Backups are being enabled for the table"."""
    lines = [line for block in AWS["Back up and restore"] for line in block.splitlines()]
    [line] = [each for each in lines if "update-continuous-backups --table-name aqi-restored" in each]
    script = f"tried=0; aws() {{ ((++tried == 3)); }}; sleep() {{ :; }}\n{line}\necho $tried"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)  # noqa: S607
    assert done.stdout == "3\n"


def test_items_that_a_person_fills_in_expire_as_those_of_the_stack() -> None:
    """Else they cost for ever."""
    days = read_template()["Parameters"]["TtlDays"]["Default"]
    fills = [
        line
        for found in AWS.values()
        for block in found
        for line in block.splitlines()
        if "--from archive" in line
    ]
    assert len(fills) == 2
    assert all(f" --ttl-days {days} " in line for line in fills)


def test_objects_of_any_name_are_deleted_version_by_version() -> None:
    for page in (AWS, OPERATIONS):
        [loop] = [block for found in page.values() for block in found if "read -r key version" in block]
        read = next(line for line in loop.splitlines() if "read -r key version" in line).strip()
        script = f"aws() {{ printf '%s|' \"$@\"; }}\nprintf 'settings/a b.txt\\tID\\n' | {read}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)  # noqa: S607
        assert "|--key|settings/a b.txt|--version-id|ID|" in done.stdout


def test_ten_commands_are_ten_and_each_is_told_of() -> None:
    text = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    assert len(TEN.splitlines()) == 10
    told = text.partition("\n## From an empty account")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d+)\. ", told, re.MULTILINE) == [str(number) for number in range(1, 11)]


def test_parameters_and_outputs_that_are_shown_are_the_template_s() -> None:
    text, template = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8"), read_template()
    overrides = "".join(re.findall(r"--parameter-overrides (.*)", text))
    named = set(re.findall(r"\b([A-Z][A-Za-z0-9]+)=", overrides)) | set(
        re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", text)
    )
    assert named <= template["Parameters"].keys(), named - template["Parameters"].keys()
    assert set(re.findall(r"output ([A-Z]\w+)", text)) <= template["Outputs"].keys()


def test_a_unit_that_is_installed_once_more_starts_the_other_version() -> None:
    """`enable --now` starts what does not run, and leaves a service that runs as it is."""
    shown = [block for block in COMMANDS if re.search(r"systemctl (--user )?enable", block)]
    assert len(shown) == 2
    for block in shown:
        [line] = [each for each in block.splitlines() if re.search(r"systemctl (--user )?enable", each)]
        enabled, _, then = line.strip().partition(" && ")
        assert then == enabled.replace("enable", "restart")


def test_what_is_said_to_be_kept_is_what_the_template_keeps() -> None:
    kept = {
        name for name, each in read_template()["Resources"].items() if each.get("DeletionPolicy") == "Retain"
    }
    assert kept == {"Bucket", "BucketPolicy", "Table"}
    text = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8").partition("\n## Tear down")[2]
    assert "the **bucket** with its policy" in text
    assert "the **table**" in text
