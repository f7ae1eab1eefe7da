"""Where credentials are expected to come from: only then it makes sense to wait for them.

One rule: only variables, the profile and the machine tell what is expected; no service is asked.
"""

from collections.abc import Mapping
from pathlib import Path

DMI = Path("/sys/class/dmi/id")
"""What the firmware says about the machine (Linux)."""

_VENDORS = ("sys_vendor", "board_vendor", "bios_vendor", "chassis_vendor")
_VERSIONS = ("bios_version", "product_version")
_SERIALS = ("product_uuid", "product_serial")
"""Nitro machines name EC2 as their vendor; Xen ones have version `4.11.amazon` and serial `ec2...`."""

_SSO_NAMES = ("sso_account_id", "sso_role_name")
_IN_PROFILE = ("role_arn", "credential_source", "sso_session", "sso_start_url", "credential_process")
"""Keys of a profile that name a source of credentials, instead of credentials themselves."""

_ALONE_NOTHING = {"sso_session": _SSO_NAMES, "sso_start_url": _SSO_NAMES}
"""Keys that botocore ignores unless the profile also has one of certain others."""

WEB_IDENTITY = "AWS_WEB_IDENTITY_TOKEN_FILE"
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_CONTAINER_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105  # a variable's name
_IMDS = "AWS_EC2_METADATA_SERVICE_ENDPOINT"


def expected_source(
    environ: Mapping[str, str], profile: Mapping[str, object], name: str, dmi: Path = DMI
) -> str:
    """Name the expected source of credentials, in the order of AWS's SDKs; empty if there is none.

    `profile` has the settings of the profile `name`.
    """
    has_metadata = environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true"
    first = (
        (environ.get("AWS_ACCESS_KEY_ID"), ""),
        *((_counts(profile, key), f"the profile {name} ({key})") for key in _IN_PROFILE),
        (environ.get(WEB_IDENTITY), f"web identity ({WEB_IDENTITY})"),
        (profile.get("aws_access_key_id"), ""),
        *((environ.get(name), f"the container's agent ({name})") for name in _CONTAINER),
        (has_metadata and environ.get(_IMDS), f"the instance's metadata service ({_IMDS})"),
        (has_metadata and is_ec2(dmi), "EC2's instance metadata (has the instance a role?)"),
    )
    return next((source for is_there, source in first if is_there), "")


def token_files(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the files, named by variables, into which orchestrators write tokens."""
    return frozenset(filter(None, map(environ.get, (WEB_IDENTITY, _CONTAINER_TOKEN))))


def _counts(profile: Mapping[str, object], key: str) -> bool:
    """Tell whether a profile's key names a source of credentials."""
    with_it = _ALONE_NOTHING.get(key, (key,))
    return bool(profile.get(key)) and any(profile.get(each) for each in with_it)


def is_ec2(dmi: Path) -> bool:
    """Tell from the firmware whether this machine is one of EC2."""
    return (
        any("amazon ec2" in _said(dmi / name) for name in _VENDORS)
        or any("amazon" in _said(dmi / name) for name in _VERSIONS)
        or any(_said(dmi / name).startswith("ec2") for name in _SERIALS)
    )


def _said(path: Path) -> str:
    """Return a file's text in small letters; nothing if it cannot be read (only root reads serials)."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip().lower()
    except OSError:
        return ""
