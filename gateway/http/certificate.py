"""The certificate of a gateway that speaks TLS itself, read again when its files change."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Final

from buildfeed.errors import BuildfeedError

_LOOK_SECONDS: Final = 30.0
"""Seconds between two looks at the files. Certificates are renewed weeks before they expire."""

log = logging.getLogger(__name__)


class CertificateUnusable(BuildfeedError):
    """The certificate in `cert`, or its `key`, cannot be used, for `reason`."""

    def __init__(self, cert: Path, key: Path, reason: str) -> None:
        super().__init__(f"TLS is impossible with {cert} and {key}: {reason}.")
        self.cert = cert
        self.key = key
        self.reason = reason


class Certificate:
    """Two files in PEM: a certificate with those that lead to its authority, and its key.

    Raises CertificateUnusable.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self._files = cert, key
        self._trouble = ""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """What a new connection is made with."""
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.options |= ssl.OP_NO_RENEGOTIATION  # TLS 1.3 has none
        self.context.set_alpn_protocols(["http/1.1"])
        self._seen = self._times()
        self._load(self.context)

    async def run(self) -> None:
        """Look at the files every 30 s, until cancelled; new connections get what is in them."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Read the files if they have changed; what is unusable is logged, once, and left."""
        try:
            times = self._times()
            if times == self._seen:
                return
            self._seen = times
            # At first elsewhere: a pair that does not fit would leave half of it behind.
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load(self.context)
        except CertificateUnusable as exc:
            if exc.reason != self._trouble:
                log.warning("http.certificate_unusable", extra={"reason": exc.reason})
            self._trouble = exc.reason
        else:
            self._trouble = ""
            log.info("http.certificate_read", extra={"file": self._files[0]})

    def _times(self) -> list[int]:
        try:
            return [each.stat().st_mtime_ns for each in self._files]
        except OSError as exc:
            raise self._unusable(exc) from exc

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(*self._files, password=_no_password)
        except (OSError, ValueError) as exc:  # ssl.SSLError is one of the former
            raise self._unusable(exc) from exc

    def _unusable(self, exc: Exception) -> CertificateUnusable:
        cert, key = self._files
        if isinstance(exc, ssl.SSLError):
            reason = (exc.reason or "it is no PEM").replace("_", " ").lower()
        else:
            reason = getattr(exc, "strerror", None) or str(exc)
        return CertificateUnusable(cert, key, reason[:1].lower() + reason[1:])


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody is there to say its password")
