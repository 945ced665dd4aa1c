"""The authorization code flow with PKCE (RFC 6749 §4.1, RFC 7636, OpenID Connect Core §3.1). Pure.

An attempt to sign in is bound to the browser that began it: a cookie of ten minutes has what the
answer is compared with. So the gateway remembers nothing of it, whatever strangers begin, and any
process may end what another began. Whoever has the code of somebody else, or the whole address that
a provider leads to, has not the cookie.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import sha256
from typing import Final, Self
from urllib.parse import urlencode

import msgspec

from gateway.oidc.settings import Oidc

PAGE: Final = "/login"
BEGIN: Final = "/login/oidc"
END: Final = "/login/oidc/callback"
"""The redirect URI, below the origin and the root."""
_LONGEST_PLACE: Final = 1000
_LONGEST_COOKIE: Final = 3000
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43,128}", re.ASCII)
_PLACE: Final = re.compile(r"/(?!/)[!-\[\]-~]*", re.ASCII)
"""A path with what may follow it; not `//host`, and no backslash, which browsers take for `/`."""


class Attempt(msgspec.Struct, frozen=True):
    """One sign-in that was begun: three secrets, and the `place` to come back to."""

    state: str
    nonce: str
    verifier: str
    place: str

    @property
    def challenge(self) -> str:
        """The code challenge, S256 of the verifier (RFC 7636 §4.2)."""
        return _encoded(sha256(self.verifier.encode()).digest())

    @property
    def cookie(self) -> str:
        """The value of the cookie that the browser keeps meanwhile."""
        return _encoded(msgspec.json.encode(self))

    @classmethod
    def of_cookie(cls, value: str) -> Self | None:
        """Return the attempt in a cookie, None if there is none."""
        if not 0 < len(value) <= _LONGEST_COOKIE:
            return None
        try:
            padded = value + "=" * (-len(value) % 4)
            found = msgspec.json.decode(urlsafe_b64decode(padded), type=cls)
        except (Error, ValueError):
            return None
        secrets = found.state, found.nonce, found.verifier
        return found if all(map(_SECRET.fullmatch, secrets)) else None


def address(endpoint: str, attempt: Attempt, settings: Oidc, redirect_uri: str) -> str:
    """Return the address at which the provider signs somebody in."""
    query = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect_uri,
        "scope": settings.scopes,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def place(asked: str, root: str) -> str:
    """Return the place of our own pages to come back to; the first page if it is none."""
    is_ours = len(asked) <= _LONGEST_PLACE and _PLACE.fullmatch(asked) is not None
    path = re.split(r"[?#]", asked, maxsplit=1)[0]
    below = path.startswith(f"{root}/") and not path.startswith((f"{root}//", f"{root}{PAGE}"))
    climbs = ".." in path or "%2e" in path.lower()
    return asked if is_ours and below and not climbs else f"{root}/"


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
