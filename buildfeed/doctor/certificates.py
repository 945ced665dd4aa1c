"""Certificates of the servers that are reached by TLS: whether they are trusted, and how long."""

import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from buildfeed.doctor.finding import Finding, fault, ok, warning
from buildfeed.doctor.web import reason

_PORTS: Final = {"mqtts": 8883, "amqps": 5671, "https": 443}
_SECONDS: Final = 8.0
_SOON: Final = timedelta(days=21)


def uses_tls(url: str) -> bool:
    """Tell whether a URL names a server with a certificate."""
    return urlsplit(url).scheme in _PORTS


def finding(url: str) -> Finding:
    """Return the finding about the certificate of the server at a URL."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    subject = f"certificate of {host}:{port}"
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), _SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            told = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as exc:
        return fault(subject, f"it is refused: {exc.verify_message}.", _advice(exc))
    except OSError as exc:
        return fault(subject, f"no TLS there: {reason(exc)}.", "Check address and listener.")
    return of_dates(subject, told, datetime.now(UTC))


def of_dates(subject: str, told: Mapping[str, Any], now: datetime) -> Finding:
    """Return for how long a certificate that is trusted goes on; `told` is Python's form of it."""
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
    meaning = f"good until {ends:%Y-%m-%d}."
    if ends - now < _SOON:
        return warning(subject, meaning, "Renew it, and see why that does not happen by itself.")
    return ok(subject, meaning)


def _advice(exc: ssl.SSLCertVerificationError) -> str:
    if "expired" in exc.verify_message:
        return "Renew it."
    if "match" in exc.verify_message:
        return "Use a name that is in it, or get one with this name."
    return "Trust its authority here: SSL_CERT_FILE names a file with it."
