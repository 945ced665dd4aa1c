"""JSON Web Tokens: what one says, and whether one of the provider's keys has signed it.

Only three signatures count, each with the kind of key that belongs to it, so no public key can be
taken for a secret (RFC 8725 §3.1, §2.1). Keys that a token names or brings itself (`jku`, `jwk`,
`x5u`, `x5c`) are ignored.

Relied on in joserfc: `extract_compact` verifies nothing; `validate_compact` looks at the header
that it has found there.
"""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import CompactSignature, JWSRegistry

from buildfeed import documents
from gateway.access.credentials import LONGEST_JWT

ALGORITHMS: Final = "RS256", "ES256", "EdDSA"
"""What may sign a token."""
_TYPES: Final = "", "jwt", "at+jwt", "application/jwt", "application/at+jwt"
"""Of bearer tokens (RFC 9068 §2.1) and ID tokens; that of a logout token is another."""
_BITS: Final = range(2048, 8193)
"""Of an RSA key (RFC 7518 §3.3); a longer one takes its time."""
_MOST_KEYS: Final = 100
_RULES: Final = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)

# It wants the name Ed25519 of RFC 9864; providers and their keys say EdDSA.
warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)

_Public = RSAKey | ECKey | OKPKey


class InvalidJwt(Exception):
    """Something that is no token which could count."""


class Key(msgspec.Struct, frozen=True):
    """A public key, and the one algorithm that it verifies."""

    kid: str
    algorithm: str
    public: _Public


class Jwt(msgspec.Struct, frozen=True):
    """A token: `claims` is what it says, and true only once `is_signed_by` is."""

    kid: str
    algorithm: str
    claims: dict[str, Any]
    signed: CompactSignature

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return a token as it is written (RFC 7515 §7.1); raises InvalidJwt."""
        if len(text) > LONGEST_JWT:
            raise InvalidJwt("it is too long")
        try:
            found = jws.extract_compact(text.encode("ascii"), None, _RULES)
            header = dict(found.headers())
            claims = documents.load(found.payload.decode())
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as exc:
            raise InvalidJwt("it cannot be read") from exc  # its header may be any JSON
        kid, algorithm, type_ = (header.get(name, "") for name in ("kid", "alg", "typ"))
        if not all(isinstance(each, str) for each in (kid, algorithm, type_)):
            raise InvalidJwt("its header cannot be read")
        if algorithm not in ALGORITHMS:
            raise InvalidJwt("its algorithm does not count")
        if "crit" in header or type_.lower() not in _TYPES:
            raise InvalidJwt("it is of another kind")
        if not isinstance(claims, dict):
            raise InvalidJwt("it says nothing")
        return cls(kid, algorithm, claims, found)

    def is_signed_by(self, key: Key) -> bool:
        """Tell whether a key of the same algorithm has signed it."""
        if key.algorithm != self.algorithm:
            return False
        try:
            return jws.validate_compact(self.signed, key.public, None, _RULES)
        except (JoseError, ValueError):
            return False


class Keys:
    """The keys of a provider that may sign tokens."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys = list(keys)

    @classmethod
    def of(cls, documents_: Iterable[object]) -> Self:
        """Return those of JSON Web Keys (RFC 7517) that are for one of the algorithms."""
        found = (_key(each) for each in list(documents_)[:_MOST_KEYS])
        return cls(each for each in found if each)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._keys)

    def of_token(self, token: Jwt) -> Key | None:
        """Return the key that a token names; it may name none where only one fits."""
        fit = [key for key in self._keys if key.algorithm == token.algorithm]
        if token.kid:
            fit = [key for key in fit if key.kid == token.kid]
            return fit[0] if fit else None
        return fit[0] if len(fit) == 1 else None


def _key(document: object) -> Key | None:
    """Return a key for one of the algorithms, None for any other."""
    if not isinstance(document, dict) or document.get("use", "sig") != "sig":
        return None
    try:
        found = _public(document)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if found is None:
        return None
    algorithm, public = found
    kid = document.get("kid", "")
    if document.get("alg", algorithm) != algorithm or not isinstance(kid, str):
        return None
    return Key(kid, algorithm, public)


def _public(document: Mapping[str, Any]) -> tuple[str, _Public] | None:
    kind, curve = document.get("kty"), document.get("crv")
    members = {
        name: document[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in document
    }
    if kind == "RSA":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # of a short key, which is refused
            rsa = RSAKey.import_key(members)
        return ("RS256", rsa) if rsa.public_key.key_size in _BITS else None
    if (kind, curve) == ("EC", "P-256"):
        return "ES256", ECKey.import_key(members)
    if (kind, curve) == ("OKP", "Ed25519"):
        return "EdDSA", OKPKey.import_key(members)
    return None
