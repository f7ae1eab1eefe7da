"""AWS's errors: the codes, what status and sentence go with them, and how either service writes them.

One rule: a pure check refuses a request by raising Refused; the shim alone turns that into bytes.
"""

import json
import zlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from xml.sax.saxutils import escape

CODES: dict[str, tuple[int, str]] = {
    # both services
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InternalServerError": (500, "The request processing has failed because of an internal error."),
    "ServiceUnavailable": (503, "Service is unable to handle request."),
    "TooManyRequestsException": (429, "Too many requests."),
    "ExpiredToken": (400, "The provided token has expired."),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented"),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    # S3
    "SlowDown": (503, "Please reduce your request rate."),
    "RequestTimeout": (400, "Your socket connection to the server was not read from or written to in time."),
    "AccessDenied": (403, "Access Denied"),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (404, "The specified multipart upload does not exist."),
    "PermanentRedirect": (301, "The bucket you are attempting to access must be addressed elsewhere."),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "ConditionalRequestConflict": (409, "The conditional request cannot succeed due to a conflict."),
    "OperationAborted": (409, "A conflicting conditional operation is in progress against this resource."),
    "InvalidAccessKeyId": (403, "The AWS access key Id you provided does not exist in our records."),
    "SignatureDoesNotMatch": (403, "The request signature we calculated does not match."),
    "RequestTimeTooSkewed": (
        403,
        "The difference between the request time and the current time is too large.",
    ),
    "BadDigest": (400, "The digest you specified did not match the calculated checksum."),
    "InvalidDigest": (400, "The Content-MD5 you specified is not valid."),
    "InvalidRequest": (400, "Invalid request."),
    "InvalidPart": (400, "One or more of the specified parts could not be found."),
    "IncompleteBody": (
        400,
        "You did not provide the number of bytes specified by the Content-Length header.",
    ),
    "MalformedTrailerError": (400, "The request contained trailing data that was not well-formed."),
    "XAmzContentSHA256Mismatch": (400, "The provided x-amz-content-sha256 header does not match."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size"),
    "KeyTooLongError": (400, "Your key is too long"),
    # DynamoDB
    "ThrottlingException": (400, "Rate of requests exceeds the allowed throughput."),
    "ProvisionedThroughputExceededException": (
        400,
        "The level of configured provisioned throughput for the table was exceeded.",
    ),
    "RequestLimitExceeded": (400, "Throughput exceeds the current throughput limit for your account."),
    "ResourceNotFoundException": (400, "Requested resource not found"),
    "AccessDeniedException": (400, "User is not authorized to perform this operation"),
    "ExpiredTokenException": (400, "The security token included in the request is expired"),
    "UnrecognizedClientException": (400, "The security token included in the request is invalid."),
    "ConditionalCheckFailedException": (400, "The conditional request failed"),
    "UnknownOperationException": (400, "The operation is not known."),
    "ValidationException": (400, "The request is invalid."),
}
"""Code -> HTTP status and message. Sources: S3 "Error responses", DynamoDB "Error handling"."""


ELSEWHERE = "eu-central-1"
_MORE_HEADERS = {"PermanentRedirect": {"x-amz-bucket-region": ELSEWHERE}}


class Refused(Exception):  # noqa: N818  # it is what AWS does, not a failure of the shim
    """AWS would refuse this request."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Gone(StrEnum):
    """How a connection ends, or does not, without an answer."""

    RESET = "reset"
    CLOSE = "close"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client.

    Attributes:
        body: all of it, or an iterator for what is handed through as it comes.
        gone: not answered at all, but this.
        cut: body bytes after which the connection is reset, or ended as `gone` says.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | AsyncGenerator[bytes, None] = b""
    gone: Gone | None = None
    cut: int | None = None
    code: str = ""


def error(service: str, code: str, message: str = "", status: int | None = None) -> Answer:
    """Write an error as the service does; without a code only a status, as a load balancer would."""
    usual, sentence = CODES.get(code, (500, "An error."))
    if not code:
        return Answer(status or usual)
    body, headers = _WRITERS[service](code, message or sentence)
    return Answer(status or usual, headers | _MORE_HEADERS.get(code, {}), body, code=code)


def as_json(content: Any) -> tuple[bytes, dict[str, str]]:
    """Return a DynamoDB body and its headers, with the CRC-32 that DynamoDB gives with every answer."""
    body = json.dumps(content, ensure_ascii=False).encode()
    return body, {"Content-Type": "application/x-amz-json-1.0", "x-amz-crc32": str(zlib.crc32(body))}


def _dynamodb(code: str, message: str) -> tuple[bytes, dict[str, str]]:
    return as_json({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})


def _s3(code: str, message: str) -> tuple[bytes, dict[str, str]]:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        "<RequestId>SHIM</RequestId><HostId>shim</HostId></Error>"
    )
    return text.encode(), {"Content-Type": "application/xml"}


def _query(code: str, message: str) -> tuple[bytes, dict[str, str]]:
    text = (
        '<ErrorResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><Error><Type>Sender</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        "<RequestId>SHIM</RequestId></ErrorResponse>"
    )
    return text.encode(), {"Content-Type": "text/xml"}


_WRITERS = {"dynamodb": _dynamodb, "s3": _s3, "monitoring": _query}
