"""How hypothesis works here: one profile for every run, so that one tree has one verdict, anywhere.

One rule: no test says how long an example may take; a busy machine is no defect.

`ci` is what is always in force, on a person's machine as on a server: the examples follow from the test
alone, so that what is red is red again, and what is green was not luck. `pytest --hypothesis-profile search`
draws others each time, and keeps what failed: for those who look for more.
"""

from hypothesis import HealthCheck, settings

SPEEDLESS = (HealthCheck.too_slow,)
"""Left out everywhere: it judges by how many seconds it takes to draw examples."""

CI = settings(
    deadline=None, derandomize=True, database=None, print_blob=True, suppress_health_check=SPEEDLESS
)
SEARCH = settings(CI, derandomize=False, database=settings().database)


SHARED = (*SPEEDLESS, HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)
"""The checks to suppress where the examples of a test share what its fixtures gave once."""


def in_force() -> None:
    """Put the profile in force, before anything derives settings from it."""
    settings.register_profile("ci", CI)
    settings.register_profile("search", SEARCH)
    settings.load_profile("ci")
