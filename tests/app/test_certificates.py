"""Files of TLS that cannot be used: a sentence each, exit 2 of server and client; on a reload no change."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from aqi_service import certificates
from aqi_service.certificates import Certificates, client_context
from aqi_service.errors import ConfigError
from tests.doubles.certificates import Authority
from tests.doubles.program import ran

Files = dict[str, Path]


def encrypted(key: Path) -> bytes:
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    return loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"secret"),
    )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Good files and bad ones, by name."""
    authority = Authority(tmp_path / "ca")
    cert, key = authority.issue("server")
    made = {
        "empty": b"",
        "junk": b"hello\n",
        "bad": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "both": cert.read_bytes() + key.read_bytes(),
        "encrypted": encrypted(key),
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "pipe")
    found = {name: tmp_path / name for name in (*made, "absent", "pipe")}
    return found | {"cert": cert, "key": key, "ca": authority.ca, "other": authority.issue("other")[1]}


BAD_SERVER = {
    "cert": "--tls-cert {cert} holds no private key in PEM form; name its file with --tls-key",
    "cert other": "--tls-key {other}: the key is not that of the certificate --tls-cert {cert}",
    "cert encrypted": "--tls-key {encrypted}: the key is encrypted, and nobody is there to type a passphrase",
    "cert empty": "--tls-key {empty} holds no private key in PEM form",
    "cert absent": "--tls-key {absent} cannot be read: No such file or directory",
    "absent key": "--tls-cert {absent} cannot be read: No such file or directory",
    "junk key": "--tls-cert {junk} holds no certificate in PEM form",
    "empty": "--tls-cert {empty} holds no certificate in PEM form",
    "bad key": "--tls-cert {bad}, or its key, cannot be used: ",
    "cert key empty": "--tls-client-ca {empty} holds no certificate in PEM form",
    "cert key key": "--tls-client-ca {key} holds no certificate in PEM form",
    "cert key absent": "--tls-client-ca {absent} cannot be read: No such file or directory",
    "pipe": "--tls-cert {pipe} is no file",
    "cert pipe": "--tls-key {pipe} is no file",
    "cert key pipe": "--tls-client-ca {pipe} is no file",
}
"""Which files are named as certificate, key and clients' authority, and what is said."""

BAD_CLIENT = {
    "junk": "--tls-ca {junk} holds no certificate in PEM form",
    "absent": "--tls-ca {absent} cannot be read: No such file or directory",
    "pipe": "--tls-ca {pipe} is no file",
    "ca cert other": "--tls-key {other}: the key is not that of the certificate --tls-cert {cert}",
}


@pytest.mark.parametrize(
    ("make", "names", "sentence"),
    [(Certificates, *bad) for bad in BAD_SERVER.items()]
    + [(client_context, *bad) for bad in BAD_CLIENT.items()],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    make: Callable[..., object], names: str, sentence: str, files: Files
) -> None:
    given = [files[name] for name in names.split()]
    with pytest.raises(ConfigError) as refused:
        make(*given, *[None] * (3 - len(given)))
    assert str(refused.value).startswith(sentence.format(**files))


def test_the_key_may_be_in_the_file_of_the_certificate(files: Files) -> None:
    Certificates(files["both"], None, files["ca"])


def test_a_reload_of_bad_files_keeps_what_was_loaded(files: Files) -> None:
    tls = Certificates(files["cert"], files["key"])
    before = tls.context
    files["key"].write_bytes(b"")
    with pytest.raises(ConfigError):
        tls.reload()
    assert tls.context is before


def test_the_end_is_that_of_the_certificate_in_use_and_not_of_its_chain(tmp_path: Path) -> None:
    def put(end: datetime) -> Path:
        leaf = issuing.issue_cert("localhost", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=end)
        chain = b"of a server\n" + b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        (tmp_path / "s.pem").write_bytes(chain + leaf.private_key_pem.bytes())
        return tmp_path / "s.pem"

    issuing = trustme.CA().create_child_ca()
    first, second = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
    tls = Certificates(put(first))
    assert tls.expires == int(first.timestamp())
    put(second)
    assert tls.expires == int(first.timestamp())
    tls.reload()
    assert tls.expires == int(second.timestamp())


@pytest.mark.parametrize("needed", ["--tls-key", "--tls-client-ca"])
async def test_without_a_certificate_the_other_options_are_refused(needed: str, tmp_path: Path) -> None:
    done = await ran("--local", "d", needed, "file.pem", cwd=tmp_path)
    assert (done.code, done.last) == (
        2,
        "aqi-service: --tls-key and --tls-client-ca need --tls-cert: without a certificate there is no TLS",
    )


async def test_the_server_and_the_client_end_with_exit_2(files: Files, tmp_path: Path) -> None:
    server = await ran("--local", "d", "--tls-cert", "absent", cwd=tmp_path)
    assert (server.code, server.err) == (
        2,
        "aqi-service: --tls-cert absent cannot be read: No such file or directory\n",
    )
    client = await ran("1", "--no-save", "--tls-ca", "junk", cwd=tmp_path, module="aqi_service.client")
    assert (client.code, client.err) == (2, "aqi-client: --tls-ca junk holds no certificate in PEM form\n")


@pytest.mark.parametrize("gone", ["s.pem", "s.key", "ca.pem"])
def test_a_file_that_is_replaced_just_while_it_is_read_is_one_that_cannot_be_used(
    gone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    given = Certificates(*authority.issue("s"), authority.ca)
    before = given.context

    def read_and_gone(_: str, path: Path) -> None:
        path.read_bytes()
        if path.name == gone:
            path.unlink()

    monkeypatch.setattr(certificates, "_readable", read_and_gone)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        given.reload()
    assert given.context is before


def test_a_bad_file_that_goes_away_while_it_is_asked_why_is_one_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = Authority(tmp_path).issue("s")
    holds = certificates._holds

    def gone_and_asked(path: Path, what: str) -> bool:
        path.unlink()
        return holds(path, what)

    monkeypatch.setattr(certificates, "_holds", gone_and_asked)
    key.write_text("junk")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        Certificates(cert, key)
