"""What every test shares: a moto server, and an environment without the user's AWS and AQI settings."""

import os
from collections.abc import Iterator

import pytest

from tests import profiles
from tests.doubles import moto_server
from tests.doubles.aws_world import aws
from tests.doubles.models import read_models_once
from tests.doubles.moto_names import Moto
from tests.doubles.outside import skip_without_extras
from tests.doubles.patience import PROGRAM
from tests.garbage import nothing_left_behind, pytest_collection, pytest_sessionfinish

__all__ = ["aws", "nothing_left_behind", "pytest_collection", "pytest_sessionfinish"]  # fixtures and hooks

profiles.in_force()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, so that no worker is left alone with one; skip what lacks its package."""
    skip_without_extras(items)
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def none_of_this_machine_s_settings() -> Iterator[None]:
    """No client reads whom this machine trusts, and a fork may stand for an interpreter: half of the time."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("REQUESTS_CA_BUNDLE", "PYTHONUNBUFFERED"):
            environment.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the AWS, AQI or proxy variables of whoever runs it, nor asks a cloud for credentials."""
    for name in os.environ:
        if name.startswith(("AWS_", "AQI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(autouse=True)
def patient_program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No deadline of the program passes because the machine is busy, but in tests of these deadlines."""
    if request.node.get_closest_marker("own_deadlines") is None:
        for name, value in PROGRAM:
            monkeypatch.setattr(name, value)


@pytest.fixture(scope="session", autouse=True)
def one_reading_of_the_models() -> None:
    """Opening clients costs a third of the time then."""
    read_models_once()


@pytest.fixture(scope="session")
def moto_endpoint() -> str:
    """The URL of the moto server of this test process."""
    return moto_server.moto_endpoint()


@pytest.fixture
def moto(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Moto:
    """A moto server with fresh names; this process's AWS variables lead to it."""
    found = Moto(moto_endpoint)
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    return found
