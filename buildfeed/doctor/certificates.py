"""Encryption: whether certificates are trusted, and for how long; or that there is none."""

import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from buildfeed.doctor.finding import Finding, fault, ok, warning
from buildfeed.doctor.unreachable import reason

_PORTS: Final = {"mqtts": 8883, "amqps": 5671, "https": 443}
_SECONDS: Final = 8.0
_SOON: Final = timedelta(days=21)


def is_private(url: str) -> bool:
    """Tell whether nobody on the way reads what is sent to a URL: by TLS, or to this machine."""
    return urlsplit(url).scheme in _PORTS or _is_loopback(urlsplit(url).hostname or "")


def findings(url: str) -> Iterator[Finding]:
    """Yield what is found about the encryption of the server at a URL."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme in _PORTS:
        yield _of_server(host, parts.port or _PORTS[parts.scheme])
    elif not is_private(url):
        meaning = f"{parts.scheme}://{host} is not encrypted: passwords can be read on the way."
        advice = "That may do within one network of containers; elsewhere use TLS."
        yield warning(f"encryption to {host}", meaning, advice)


def _of_server(host: str, port: int) -> Finding:
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


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _advice(exc: ssl.SSLCertVerificationError) -> str:
    if "expired" in exc.verify_message:
        return "Renew it."
    if "match" in exc.verify_message:
        return "Use a name that is in it, or get one with this name."
    return "Trust its authority here: SSL_CERT_FILE names a file with it."
