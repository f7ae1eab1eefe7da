"""Where credentials are expected to come from, which is where waiting for them makes sense.

One rule: what is expected is told by variables, the profile and the machine itself, without asking anybody.
"""

from collections.abc import Mapping
from pathlib import Path

DMI = Path("/sys/class/dmi/id")
"""What the firmware says of the machine (Linux)."""

_VENDORS = ("sys_vendor", "board_vendor", "bios_vendor", "chassis_vendor")
_VERSIONS = ("bios_version", "product_version")
_SERIALS = ("product_uuid", "product_serial")
"""Nitro machines name EC2 as their vendor; Xen ones have `4.11.amazon` as version and `ec2...` as serial."""

_SSO_NAMES = ("sso_account_id", "sso_role_name")
_IN_PROFILE = ("role_arn", "credential_source", "sso_session", "sso_start_url", "credential_process")
"""Keys of a profile that name what gives credentials, instead of the credentials themselves."""

_ALONE_NOTHING = {"sso_session": _SSO_NAMES, "sso_start_url": _SSO_NAMES}
"""Of these keys, those that botocore passes over where the profile has none of some others."""

WEB_IDENTITY = "AWS_WEB_IDENTITY_TOKEN_FILE"
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_CONTAINER_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105  # a variable's name
_IMDS = "AWS_EC2_METADATA_SERVICE_ENDPOINT"


def expected_source(
    environ: Mapping[str, str], profile: Mapping[str, object], name: str, dmi: Path = DMI
) -> str:
    """Name what is expected to give credentials, in the order in which AWS's SDKs ask; empty for nothing.

    `profile` are the settings of the profile `name`.
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
    """Return the files in which orchestrators write tokens, as far as variables name them."""
    return frozenset(filter(None, map(environ.get, (WEB_IDENTITY, _CONTAINER_TOKEN))))


def _counts(profile: Mapping[str, object], key: str) -> bool:
    """Tell whether a profile's key names what gives credentials."""
    with_it = _ALONE_NOTHING.get(key, (key,))
    return bool(profile.get(key)) and any(profile.get(each) for each in with_it)


def is_ec2(dmi: Path) -> bool:
    """Tell whether this machine is one of EC2, by what its firmware says."""
    return (
        any("amazon ec2" in _said(dmi / name) for name in _VENDORS)
        or any("amazon" in _said(dmi / name) for name in _VERSIONS)
        or any(_said(dmi / name).startswith("ec2") for name in _SERIALS)
    )


def _said(path: Path) -> str:
    """Return what a file says, in small letters; nothing if it cannot be read (serials are root's)."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip().lower()
    except OSError:
        return ""
