"""What may be shown of a foreign text: one line that can be printed, and no secret."""

import pytest

from aqi_service.core.redaction import printable, redact, secrets_of

PW = "hunter2"


@pytest.mark.parametrize("text", ["Zürich, 7.5 µg/m³, C:\\n", "空気", "", "Ω é"])
def test_what_can_be_printed_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc\x00", r"a\nb\r\tc\x00"),
        ('C:\\it\'s "x"\n', r"""C:\it's "x"\n"""),
        ("\x1b[31m\x7f\x85\x9b", r"\x1b[31m\x7f\x85\x9b"),
        ("\u2028\u2029\x0b\x0c\x1c", r"\u2028\u2029\x0b\x0c\x1c"),
        ("\u202e\u2066\u200f", r"\u202e\u2066\u200f"),
        ("\u200b\ufeff\xa0\xad", r"\u200b\ufeff\xa0\xad"),
        ("\udc80\ue000\U000e0041", r"\udc80\ue000\U000e0041"),
    ],
)
def test_what_moves_a_cursor_ends_a_line_or_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://me:{PW}@h.org:8443/a/b?X-Amz-Signature={PW} failed", "https://h.org:8443/a/b failed"),
        (f"s3://{PW}@b/k http://{PW}@h", "s3://b/k http://h"),
        (f"a=http://me:{PW}@h/x,http://me:{PW}@h/y", "a=http://h/x,http://h/y"),
        (f"me:{PW}@h.org", "me:[hidden]@h.org"),
        (f"https://me:p@{PW}@h.org/", "https://h.org/"),
        (f"'http://h/?{PW}' and (\"http://h/a?b={PW}\")", "'http://h/' and (\"http://h/a\")"),
        (f"https://h.org/a#{PW}", "https://h.org/a"),
        (f"HEAD /data?token={PW} HTTP/1.1", "HEAD /data HTTP/1.1"),
        (f"Authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, Signature={PW}", "Authorization: [hidden]"),
        (f"{{'Authorization': 'Basic {PW}'}}", "{'Authorization': [hidden]"),
        (f"Set-Cookie: a={PW}; Path=/", "Set-Cookie: [hidden]"),
        (f"proxy-authorization={PW}", "proxy-authorization=[hidden]"),
        (f"x-amz-security-token: {PW}", "x-amz-security-token: [hidden]"),
        (f"{{\"SessionToken\": \"{PW}\", \"x\": 1}}", '{"SessionToken": "[hidden]", "x": 1}'),
        (f"aws_secret_access_key={PW} next", "aws_secret_access_key=[hidden] next"),
        (f"password='{PW}'", "password='[hidden]'"),
    ],
)  # fmt: skip
def test_what_has_the_form_of_a_secret_is_taken_out(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown, "a second time changes nothing"


@pytest.mark.parametrize(
    "text",
    [
        "https://h.org:8443/a/b.json",
        "s3://bucket/data_20_12_23_18_55.json",
        "what now? nothing",
        "mail me@h.org",
        "the lease is held by host@boot:7",
        "AWS does not know these credentials, or they have expired: renew them",
        "loaded status=complete snapshot=data_20_12_23_18_55.json records=7 error=none",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert redact(text) == text


def test_given_secrets_are_taken_out_wherever_they_stand() -> None:
    assert redact(f"x{PW}y {PW}", [PW]) == "x[hidden]y [hidden]"


def test_an_environment_s_secrets_are_those_of_aws_that_are_no_mere_word() -> None:
    environ = {
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "FwoGZXIvYXdz",
        "AWS_REGION": "eu-west-1",
    }
    assert secrets_of(environ) == ["FwoGZXIvYXdz"]
    assert secrets_of({"AWS_SESSION_TOKEN": "1234567", "AWS_SECURITY_TOKEN": "12345678"}) == ["12345678"]


@pytest.mark.parametrize(
    "text",
    [
        "://" * 50_000,
        "?" * 200_000,
        "token=" * 40_000,
        "a" * 200_000,
        "-token" * 40_000,
        ":a" * 100_000,
        "a@" * 100_000,
    ],
)
def test_a_text_of_any_kind_takes_a_moment(text: str) -> None:
    redact(text)  # the test's own time-out: a quadratic search takes minutes
