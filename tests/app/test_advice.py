"""An advice never names a flag that was given."""

from pathlib import Path
from typing import Any

import pytest

from aqi_service.app.advice import fitting, fitting_advice
from aqi_service.errors import AccessDenied, MissingResource
from aqi_service.storage.aws.error_codes import CODES, NO_CREDENTIALS, UNREADABLE
from tests.doubles.config import config
from tests.doubles.program import ran

NONE = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}


GIVEN: dict[str, dict[str, Any]] = {
    "--create": {"create": True},
    "--local": {"local": Path("d")},
    "--local DIR": {"load_only": True, "export": "s3://bucket/air/"},  # takes an account all the same
}


@pytest.mark.parametrize("flag", GIVEN)
def test_no_sentence_about_aws_advises_what_was_given_or_is_no_help(flag: str) -> None:
    given = config(**GIVEN[flag])
    told = [advice for _, advice in CODES.values()] + [NO_CREDENTIALS, UNREADABLE]
    advising = [text for text in told if flag in text]
    assert advising
    for text in advising:
        assert fitting(config(), AccessDenied(text)) == text
        assert flag not in fitting(given, AccessDenied(text))


def test_an_error_keeps_its_kind_and_its_cause(tmp_path: Path) -> None:
    cause = ValueError("why")
    with pytest.raises(AccessDenied) as caught, fitting_advice(config(local=tmp_path)):
        raise AccessDenied(UNREADABLE) from cause
    assert caught.value.__cause__ is cause
    with pytest.raises(MissingResource, match=r"^--create makes it, by hand$"), fitting_advice(config()):
        raise MissingResource("--create makes it, by hand")


async def test_a_source_on_s3_without_credentials_does_not_advise_the_folder_that_was_named(
    tmp_path: Path,
) -> None:
    done = await ran("--load-only", "--local", "d", "s3://bucket/prefix/", cwd=tmp_path, env=NONE)
    assert done.code == 2
    assert "there are no AWS credentials" in done.last
    assert "--local" not in done.last
