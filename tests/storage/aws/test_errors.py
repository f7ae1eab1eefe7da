"""AWS's errors as ours: one sentence each, without secrets, and whether the same request may pass later."""

import asyncio
import ssl

import aiohttp
import pytest
from botocore import exceptions as aws
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from aqi_service.errors import (
    AccessDenied,
    AqiError,
    ConfigError,
    InGlacier,
    ItemOutdated,
    ItemRefused,
    MissingResource,
    NotReady,
    RequestRefused,
    Unavailable,
)
from aqi_service.storage.aws.errors import is_throttled, may_pass, refused_as, translated
from aqi_service.storage.aws.refusals import denied, error_code


@pytest.mark.parametrize(
    ("raised", "kind", "again"),
    [
        (aws.EndpointConnectionError(endpoint_url="http://u:s3cret@h/"), Unavailable, True),
        (aws.ReadTimeoutError(endpoint_url="http://u:s3cret@h/"), Unavailable, True),
        (aws.ConnectionClosedError(endpoint_url="http://u:s3cret@h/"), Unavailable, True),
        (aws.SSLError(endpoint_url="http://u:s3cret@h/", error=OSError("x")), Unavailable, True),
        (ResponseParserError("no XML"), Unavailable, True),
        (ConnectionResetError(), Unavailable, True),
        (TimeoutError(), Unavailable, True),
        (aws.NoCredentialsError(), AccessDenied, False),
        (aws.CredentialRetrievalError(provider="p", error_msg="s3cret"), AccessDenied, False),
        (aws.TokenRetrievalError(provider="p", error_msg="s3cret"), AccessDenied, False),
        (aws.UnauthorizedSSOTokenError(), AccessDenied, False),
        (aws.ParamValidationError(report="bad name"), ConfigError, False),
        (aws.InvalidSTSRegionalEndpointsConfigError(sts_regional_endpoints_config="x"), ConfigError, False),
        (aws.InvalidIMDSEndpointError(endpoint="x"), ConfigError, False),
        (aws.HTTPClientError(error=FileNotFoundError(2, "No such file")), ConfigError, False),
        (aws.HTTPClientError(error=ssl.SSLError(0, "no certificate or crl found")), ConfigError, False),
        (aws.HTTPClientError(error=aiohttp.NonHttpUrlClientError("ftp://u:s3cret@h/")), ConfigError, False),
        (aws.HTTPClientError(error=OSError("odd")), Unavailable, True),
        (aws.UnknownEndpointError(service_name="s3", region_name="r"), ConfigError, False),
    ],
)
def test_what_botocore_raises_comes_out_as_ours(raised: Exception, kind: type[AqiError], again: bool) -> None:
    with pytest.raises(kind, match=r"^thing: [^\n]+$") as caught, translated("thing"):
        raise raised
    assert type(caught.value) is kind
    assert caught.value.__cause__ is raised
    assert may_pass(caught.value) is again
    assert error_code(caught.value) == ""
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "status", "kind", "again"),
    [
        ("ValidationException", 400, ItemRefused, False),
        ("ConditionalCheckFailedException", 400, ItemOutdated, False),
        ("ResourceNotFoundException", 400, MissingResource, False),
        ("AccessDeniedException", 400, AccessDenied, False),
        ("ExpiredTokenException", 400, AccessDenied, False),
        ("OptInRequired", 403, AccessDenied, False),
        ("IllegalLocationConstraintException", 400, ConfigError, False),
        ("InvalidLocationConstraint", 400, ConfigError, False),
        ("TooManyBuckets", 400, ConfigError, False),
        ("KMSAccessDeniedException", 400, AccessDenied, False),
        ("KMS.DisabledException", 400, AccessDenied, False),
        ("RequestTimeTooSkewed", 403, NotReady, False),
        ("RequestExpired", 400, NotReady, False),
        ("NotImplemented", 501, RequestRefused, False),
        ("501", 501, RequestRefused, False),
        ("XNotImplemented", 501, RequestRefused, False),
        ("MethodNotAllowed", 405, RequestRefused, False),
        ("405", 405, RequestRefused, False),
        ("UnknownOperationException", 400, RequestRefused, False),
        ("InvalidArgument", 400, RequestRefused, False),
        ("InvalidRequest", 400, RequestRefused, False),
        ("InvalidObjectState", 403, InGlacier, False),
        ("ThrottlingException", 400, Unavailable, True),
        ("RequestLimitExceeded", 400, Unavailable, True),
        ("SomethingNew", 400, Unavailable, False),
        ("SomethingNew", 429, Unavailable, True),
        ("SomethingNew", 500, Unavailable, True),
        ("NoSuchUpload", 404, Unavailable, False),
    ],
)
def test_awss_codes_come_out_as_ours_and_name_the_code(
    code: str, status: int, kind: type[AqiError], again: bool
) -> None:
    with pytest.raises(kind, match=rf"^thing: [^\n]+ \({code}[^\n]*\)$") as caught, translated("thing"):
        raise client_error(code, status)
    assert type(caught.value) is kind
    assert may_pass(caught.value) is again
    assert error_code(caught.value) == code


def test_an_error_without_any_code_may_pass() -> None:
    with (
        pytest.raises(Unavailable, match=r"^thing: AWS cannot do it now \(\?\)$") as caught,
        translated("thing"),
    ):
        raise ClientError({}, "GetItem")
    assert may_pass(caught.value)
    assert [denied(caught.value, "as ever"), denied(AccessDenied("x"), "as ever")] == ["as ever"] * 2


@pytest.mark.parametrize(
    ("raised", "throttled"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem"), True),
        (ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "PutItem"), True),
        (ClientError({"Error": {"Code": "SlowDown"}}, "PutObject"), True),
        (ClientError({"Error": {"Code": "InternalServerError"}}, "PutItem"), False),
        (TimeoutError(), False),
    ],
)
def test_only_what_was_asked_for_too_much_counts_as_throttled(raised: Exception, throttled: bool) -> None:
    with pytest.raises(Unavailable) as caught, translated("thing"):
        raise raised
    assert is_throttled(caught.value) is throttled


def test_of_a_request_that_is_unknown_or_wrong_awss_own_text_is_told_and_of_nothing_else() -> None:
    for code, told in (
        ("ValidationException", True), ("NotImplemented", True), ("InvalidArgument", True),
        ("InvalidObjectState", True), ("SignatureDoesNotMatch", False), ("AccessDenied", False),
    ):  # fmt: skip
        with pytest.raises(AqiError) as caught, translated("thing"):
            raise client_error(code, 400)
        assert ("AWS's text" in str(caught.value)) is told


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("no such thing here", "NotImplemented to PutItem: no such thing here"),
        ("", "NotImplemented to PutItem"),
    ],
)
def test_the_code_of_a_request_that_is_refused_is_said_once(words: str, shown: str) -> None:
    with pytest.raises(RequestRefused) as caught, translated("thing"):
        raise client_error("NotImplemented", 501, words)
    assert str(caught.value).endswith(f"waiting does not change that ({shown})")


@pytest.mark.parametrize("code", ["InvalidSignatureException", "SignatureDoesNotMatch"])
@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Signature expired: 20231220T180000Z is now earlier than 20231220T185500Z", NotReady),
        ("Signature not yet current: 20231220T190000Z is still later than 20231220T180500Z", NotReady),
        ("The request signature we calculated does not match the signature you provided.", AccessDenied),
    ],
)
def test_a_signature_that_only_the_clock_makes_wrong_is_waited_for(
    code: str, said: str, kind: type[AqiError]
) -> None:
    with pytest.raises(kind) as caught, translated("thing"):
        raise client_error(code, 400, said)
    assert type(caught.value) is kind
    assert ("until this machine's clock is set" in str(caught.value)) is (kind is NotReady)
    assert ("does not know these credentials" in str(caught.value)) is (kind is AccessDenied)
    assert not may_pass(caught.value)


@pytest.mark.parametrize(
    ("said", "kind"),
    [("certificate is not yet valid", NotReady), ("unable to get local issuer certificate", Unavailable)],
)
def test_a_certificate_that_is_not_yet_valid_is_the_clocks_fault(said: str, kind: type[AqiError]) -> None:
    with pytest.raises(kind) as caught, translated("thing"):
        raise aws.SSLError(endpoint_url="https://h/", error=OSError(f"verify failed: {said}"))
    assert type(caught.value) is kind


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_a_refusal_names_the_action_that_the_policy_must_allow_and_no_user(code: str) -> None:
    said = (
        "User: arn:aws:iam::123456789012:user/me is not authorized to perform: s3:PutObject on resource: "
        '"arn:aws:s3:::b/k" because no identity-based policy allows the s3:PutObject action'
    )
    with pytest.raises(AccessDenied) as caught, translated("thing"):
        raise client_error(code, 403, said)
    assert str(caught.value).endswith(f"the policy must allow s3:PutObject ({code})")
    assert denied(caught.value, "denied") == "denied; the policy must allow s3:PutObject"
    assert "123456789012" not in str(caught.value)


@pytest.mark.parametrize(
    ("end", "where"),
    [
        ("with an explicit deny in a service control policy", "a service control policy"),
        ("with an explicit deny in an identity-based policy", "an identity-based policy"),
        (
            "with an explicit deny in a resource-based policy: arn:aws:x::123456789012:y",
            "a resource-based policy",
        ),
        ("with an explicit deny in a permissions boundary", "a permissions boundary"),
        ("with an explicit deny in a VPC endpoint policy", "a VPC endpoint policy"),
        ("with an explicit deny", "a policy"),
    ],
)
@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_an_explicit_deny_is_called_one_and_no_permission_is_asked_for(
    code: str, end: str, where: str
) -> None:
    said = (
        "User: arn:aws:iam::123456789012:user/me is not authorized to perform: dynamodb:PutItem on resource: "
        f"arn:aws:dynamodb:eu-west-1:123456789012:table/t {end}"
    )
    with pytest.raises(AccessDenied) as caught, translated("thing"):
        raise client_error(code, 403, said)
    told = f"AWS denies access: an explicit deny in {where} forbids dynamodb:PutItem, and no permission"
    assert str(caught.value).startswith(f"thing: {told}")
    assert denied(caught.value, "as ever").startswith(told)
    assert "must allow" not in str(caught.value)
    assert "123456789012" not in str(caught.value)


def test_a_text_of_awss_is_told_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-s3cret")
    with pytest.raises(ItemRefused) as caught, translated("thing"):
        raise client_error("ValidationException", 400, "no s3cret-s3cret at https://u:s3cret@h/?s3cret")
    assert "s3cret" not in str(caught.value)
    assert "at https://h/" in str(caught.value)


def test_of_a_long_text_of_awss_the_beginning_is_told() -> None:
    with pytest.raises(ItemRefused) as caught, translated("thing"):
        raise client_error("ValidationException", 400, "x" * 1000)
    before, _, told = str(caught.value).removesuffix(")").partition("ValidationException to PutItem: ")
    assert before == "thing: AWS calls the request invalid ("
    assert len(told) == 300


def test_a_code_that_is_none_is_cut() -> None:
    with pytest.raises(Unavailable) as caught, translated("thing"):
        raise client_error("x" * 1000, 500)
    assert str(caught.value) == f"thing: AWS cannot do it now ({'x' * 64})"


def test_a_refusal_of_what_is_no_item_takes_the_name_it_is_given() -> None:
    with pytest.raises(ConfigError, match="no item"), refused_as(ConfigError):
        raise ItemRefused("no item")


def test_our_own_errors_and_foreign_ones_pass_unchanged() -> None:
    for error in (MissingResource("x"), KeyError("x"), asyncio.CancelledError()):
        with pytest.raises(type(error)) as caught, translated("thing"):
            raise error
        assert caught.value is error


def client_error(code: str, status: int, text: str = "AWS's text") -> ClientError:
    response = {
        "Error": {"Code": code, "Message": text},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutItem")  # type: ignore[arg-type]  # no more of a response is needed
