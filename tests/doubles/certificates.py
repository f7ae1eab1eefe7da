"""Certificates for the tests of TLS, made by trustme: an authority, and what it signs.

Rule: one folder a test; a file's name says whose it is.
"""

import ssl
from pathlib import Path

import trustme

SERVER = ("localhost", "127.0.0.1")
"""The names that a server's certificate is for."""


class Authority:
    """An authority of its own, in `folder`: its certificate is ca.pem."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ca = trustme.CA()
        self.ca = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca)

    def issue(self, name: str, *identities: str) -> tuple[Path, Path]:
        """Sign a certificate; give its file and that of its key."""
        leaf = self._ca.issue_cert(*(identities or SERVER))
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        cert.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(key)
        return cert, key

    def trusting(self, client: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """Make a client's side of TLS that trusts this authority; `client` is a certificate of its own."""
        context = ssl.create_default_context(cafile=self.ca)
        if client is not None:
            context.load_cert_chain(*client)
        return context


def certificate(folder: Path) -> Path:
    """Make a file that serves 127.0.0.1 over TLS, and that a client can name as the authority to trust."""
    authority = Authority(folder)
    cert, key = authority.issue("server")
    path = folder / "certificate.pem"
    path.write_bytes(cert.read_bytes() + key.read_bytes() + authority.ca.read_bytes())
    return path


def stranger(folder: Path) -> ssl.SSLContext:
    """Make a server's side of TLS whose certificate for 127.0.0.1 nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))
    return context
