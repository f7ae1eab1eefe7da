"""How long a test waits for what should come: one number for all, so that it can be seen.

One rule: it only ends what hangs. No verdict rests on how fast a machine is: where time is what a test is
about, it moves a clock by hand; where cost is, it counts.
"""

import asyncio

PATIENCE = 120.0
"""Seconds after which what is waited for will not come: far more than the busiest machine takes."""


def patience() -> asyncio.Timeout:
    """Give up on what hangs: `async with patience(): ...`."""
    return asyncio.timeout(PATIENCE)


PROGRAM = (
    ("aqi_service.load.ending.LAST_WORDS_SECONDS", PATIENCE),
    ("aqi_service.storage.aws.clients.LOOKUP_TIMEOUTS", (PATIENCE, PATIENCE)),
    ("aqi_service.storage.aws.dynamodb_writes.FRESH_SECONDS", PATIENCE),
    ("aqi_service.storage.aws.dynamodb_writes.WRITE_SECONDS", PATIENCE),
)
"""Deadlines of the program that a busy machine can meet by itself, and what they are in tests that are not
about them."""
