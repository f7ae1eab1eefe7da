"""Sentences for a TLS connection that fails.

Rule: this is imported only if TLS is used.
"""

import ssl

_OTHER_NAME = {62, 64}
"""X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH of OpenSSL."""

_NO_TLS = "it does not speak TLS; leave out --tls"
_NO_CERTIFICATE = "it demands a client certificate; name one with --tls-cert"
_REFUSED = "it does not accept the client certificate"

_SENTENCES = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "CERTIFICATE_REQUIRED": _NO_CERTIFICATE,
    "HANDSHAKE_FAILURE": _NO_CERTIFICATE,
    "UNKNOWN_CA": _REFUSED,
    "BAD_CERTIFICATE": _REFUSED,
    "CERTIFICATE_UNKNOWN": _REFUSED,
    "CERTIFICATE_EXPIRED": _REFUSED,
    "PROTOCOL_VERSION": "it speaks no version of TLS that is safe to use",
}
"""Sentences by the end of OpenSSL's reason, which names alerts TLSV13_ALERT_..., SSLV3_ALERT_... and so
on."""


def reason(error: Exception) -> str | None:
    """Say what is wrong and what to do; None if the error has nothing to do with TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OTHER_NAME:
            return (
                f"its certificate is for another name ({error.verify_message}); choose a --host that it names"
            )
        return (
            f"its certificate is not trusted ({error.verify_message}); "
            "name the authority that signed it with --tls-ca"
        )
    if isinstance(error, ssl.SSLError):
        found = error.reason or str(error)
        ends = (sentence for end, sentence in _SENTENCES.items() if found.endswith(end))
        return next(ends, f"TLS failed: {found.replace('_', ' ').lower()}")
    if isinstance(error, ConnectionError) and not error.errno:
        return "it closed the connection in the handshake; if it does not speak TLS, leave out --tls"
    return None
