"""Certificates from files: the server's, read again when they change, and the client's.

Rule: a file that cannot be used raises ConfigError, which names the option; earlier certificates stay in use.
"""

import re
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aqi_service.core.certificate_dates import not_after
from aqi_service.errors import ConfigError


class Certificates:
    """What handshakes use: `context` is for the next one, and `reload` replaces it.

    `expires` is when the certificate ends (epoch seconds; None if that cannot be read). The files are PEM:
    the certificate with its chain, its key (None: it is in the certificate's file), and the authorities that
    may sign clients' certificates (None: clients need none).
    """

    context: ssl.SSLContext
    expires: int | None

    def __init__(self, cert: Path, key: Path | None = None, client_ca: Path | None = None) -> None:
        """Raise ConfigError for a file that cannot be used."""
        self._cert = cert
        self._key = key
        self._client_ca = client_ca
        self.reload()

    def reload(self) -> None:
        """Read the files again; if it raises ConfigError, nothing has changed."""
        context = self._load()
        self.context, self.expires = context, _end_of(self._cert)

    def _load(self) -> ssl.SSLContext:
        """Make a new context, since authorities can only be added to one; connections keep theirs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        _load_certificate(context, self._cert, self._key)
        if self._client_ca is not None:
            _load_authorities(context, "--tls-client-ca", self._client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def client_context(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    """Make a client's context: trust `ca`, or the system's authorities, and show `cert` if asked.

    Raises ConfigError for a file that cannot be used.
    """
    context = ssl.create_default_context() if ca is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca is not None:
        _load_authorities(context, "--tls-ca", ca)
    if cert is not None:
        _load_certificate(context, cert, key)
    return context


def _load_certificate(context: ssl.SSLContext, cert: Path, key_file: Path | None) -> None:
    def encrypted() -> str:
        where = f"--tls-key {key_file}" if key_file else f"--tls-cert {cert}"
        raise ConfigError(
            f"{where}: the key is encrypted, and nobody is there to type a passphrase; decrypt it"
        )

    _readable("--tls-cert", cert)
    if key_file is not None:
        _readable("--tls-key", key_file)
    with _at_hand(f"--tls-cert {cert}" + (f" or --tls-key {key_file}" if key_file else "")):
        try:
            context.load_cert_chain(cert, key_file, password=encrypted)
        except ssl.SSLError as error:
            raise ConfigError(_why(cert, key_file, error)) from error


def _end_of(cert: Path) -> int | None:
    """Return when the first certificate of a file ends: it is the server's own, its chain follows."""
    try:
        found = _CERTIFICATE.search(cert.read_text(encoding="ascii", errors="replace"))
        return not_after(ssl.PEM_cert_to_DER_cert(_PEM.format(found[1]))) if found else None
    except (OSError, ValueError):
        return None


_PEM = "-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----"
_CERTIFICATE = re.compile("-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.*?)-----END ", re.DOTALL)
"""The labels that OpenSSL accepts for a certificate."""


def _why(cert: Path, key: Path | None, error: ssl.SSLError) -> str:
    """Say which of the two files cannot be used; OpenSSL does not say it."""
    of_key = f"--tls-key {key}" if key else f"--tls-cert {cert}"
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{of_key}: the key is not that of the certificate --tls-cert {cert}"
    if not _holds(cert, "CERTIFICATE"):
        return f"--tls-cert {cert} holds no certificate in PEM form"
    if not _holds(key or cert, "PRIVATE KEY"):
        return f"{of_key} holds no private key in PEM form{'' if key else '; name its file with --tls-key'}"
    return f"--tls-cert {cert}, or its key, cannot be used: {str(error).partition(' (_ssl')[0]}"


def _holds(path: Path, what: str) -> bool:
    """Tell whether a PEM file has a block whose label ends so: `PRIVATE KEY` also fits `EC PRIVATE KEY`."""
    return f"{what}-----\n".encode() in path.read_bytes().replace(b"\r", b"")


def _load_authorities(context: ssl.SSLContext, option: str, path: Path) -> None:
    _readable(option, path)
    with _at_hand(f"{option} {path}"):
        try:
            context.load_verify_locations(path)
        except ssl.SSLError as error:
            raise ConfigError(f"{option} {path} holds no certificate in PEM form") from error


def _readable(option: str, path: Path) -> None:
    """Raise ConfigError also if it is no plain file: opening a pipe would wait for its writer."""
    with _at_hand(f"{option} {path}"):
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{option} {path} is no file")
        path.read_bytes()


@contextmanager
def _at_hand(files: str) -> Iterator[None]:
    """Raise ConfigError for a file that cannot be read (a renewal may also remove it meanwhile)."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{files} cannot be read: {error.strerror}") from error
