"""What the trials share with the tests: a moto server, and an environment without the user's settings."""

from tests.conftest import (
    aws,
    clean_environment,
    moto,
    moto_endpoint,
    none_of_this_machine_s_settings,
    one_reading_of_the_models,
    pytest_collection_modifyitems,
)

__all__ = [
    "aws",
    "clean_environment",
    "moto",
    "moto_endpoint",
    "none_of_this_machine_s_settings",
    "one_reading_of_the_models",
    "pytest_collection_modifyitems",
]  # fixtures, and a hook
