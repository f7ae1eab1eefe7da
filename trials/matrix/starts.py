"""What waiting cannot mend at the start, and what the sentence says."""

from dataclasses import dataclass

from tests.doubles.faults.effects import Refuse
from tests.doubles.faults.rules import Rule


@dataclass(frozen=True)
class Start:
    """A fault that is there at the start, and what the sentence says.

    `table` and `bucket` tell whether they are made, `key` the table's.
    """

    rules: tuple[Rule, ...]
    says: str
    bucket: bool = True
    key: str = "id"
    table: bool = True


DENIED = Refuse("AccessDenied")

STARTS = {
    "S8 no such bucket": Start((), "there is no such bucket", bucket=False),
    "S8 access denied": Start((Rule("s3:*", DENIED),), "access is denied"),
    "S8 wrong region": Start((Rule("s3:*", Refuse("PermanentRedirect")),), "it is in another region"),
    "S8 unknown key": Start((Rule("s3:*", Refuse("InvalidAccessKeyId")),), "does not know these credentials"),
    "D7 no such table": Start((), "there is no such table", table=False),
    "D7 access denied": Start((Rule("DescribeTable", Refuse("AccessDeniedException")),), "AWS denies access"),
    "D7 wrong key": Start((), "key", key="sensor"),
    "D7 unknown key": Start(
        (Rule("dynamodb:*", Refuse("UnrecognizedClientException")),), "does not know these credentials"
    ),
}
