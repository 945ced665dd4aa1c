"""Tokens as an OpenID provider signs them, by keys of every kind, at the moment of the samples."""

import json
from datetime import timedelta
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from buildfeed.grants import Grants
from gateway.oidc.settings import Oidc
from support.samples import NOW

ISSUER, AUDIENCE = "https://id.example/realms/main", "buildfeed"
SETTINGS = Oidc(
    issuer=ISSUER,
    client_id=AUDIENCE,
    audience=AUDIENCE,
    label="Example",
    groups={"dev": Grants.parse(["builder@acme"])},
)
SIGNING = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "okp"}),
}
PUBLISHED = [key.as_dict(private=False, use="sig") for key in SIGNING.values()]
"""The keys as the provider publishes them."""

Key = RSAKey | ECKey | OKPKey | OctKey


def seconds(**ahead: float) -> int:
    """The time so far ahead of the samples, in seconds since 1970."""
    return int((NOW + timedelta(**ahead)).timestamp())


def claims(**other: Any) -> dict[str, Any]:
    """What a good token says, with `other` claims; None leaves one out."""
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "1000",
        "iat": seconds(),
        "exp": seconds(minutes=10),
        "preferred_username": "ada",
        "groups": ["dev"],
        **other,
    }
    return {name: value for name, value in said.items() if value is not None}


def signed(
    said: object,
    algorithm: str = "RS256",
    key: Key | None = None,
    **header: Any,
) -> str:
    """Return a token that says something, signed by the published key of an algorithm."""
    key = key or SIGNING[algorithm]
    members = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **header}
    members = {name: value for name, value in members.items() if value is not None}
    rules = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    return jws.serialize_compact(members, payload, key, None, rules)
