"""The OpenID provider by which people come, as a gateway asks it."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from buildfeed.doctor import clocks
from buildfeed.doctor.finding import Finding, fault, ok, warning
from buildfeed.doctor.unreachable import Unreachable
from buildfeed.doctor.web import Site

ALGORITHMS: Final = "RS256", "ES256", "EdDSA"
"""What a gateway lets sign a token."""
_KINDS: Final = ("RSA", None), ("EC", "P-256"), ("OKP", "Ed25519")
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_OK: Final = 200


def findings(issuer: str) -> Iterator[Finding]:
    """Yield what the provider of an issuer says of itself; raises Unreachable."""
    answer = Site(issuer).ask(_WELL_KNOWN)
    if answer.status != _OK:
        meaning = f"{_WELL_KNOWN} is answered {answer.status}."
        yield fault("configuration of the provider", meaning, "Check the address of the issuer.")
        return
    said = answer.json()
    if not isinstance(said, dict):
        raise Unreachable("its configuration is no object")
    yield _issuer(said, issuer)
    yield _algorithms(said)
    yield _pkce(said)
    yield _keys(str(said.get("jwks_uri", "")))
    if answer.time:
        yield clocks.verdict("the provider", answer.time, answer.asked, answer.answered)


def _issuer(said: dict[str, Any], issuer: str) -> Finding:
    subject, told = "issuer of the provider", str(said.get("issuer", ""))
    if told == issuer:
        return ok(subject, "it is the one that was given, to the last character.")
    meaning = f"it calls itself {told[:200]!r}, so a gateway takes none of its tokens."
    return fault(subject, meaning, "Give --oidc-issuer exactly so.")


def _algorithms(said: dict[str, Any]) -> Finding:
    subject = "signatures of the provider"
    told = said.get("id_token_signing_alg_values_supported")
    common = [each for each in ALGORITHMS if isinstance(told, list) and each in told]
    if common:
        return ok(subject, f"it can sign by {', '.join(common)}.")
    meaning = f"it signs by none of {', '.join(ALGORITHMS)}."
    return fault(subject, meaning, "Choose one of them for this client at the provider.")


def _pkce(said: dict[str, Any]) -> Finding:
    subject, told = "PKCE of the provider", said.get("code_challenge_methods_supported")
    if isinstance(told, list) and "S256" in told:
        return ok(subject, "S256.")
    meaning = "it does not say that it knows S256, which is sent with each sign-in."
    return warning(subject, meaning, "See whether it does, or is too old.")


def _keys(url: str) -> Finding:
    subject = "keys of the provider"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return fault(subject, "it does not say where they are.", "See its configuration.")
    site, path = Site(f"{parts.scheme}://{parts.netloc}"), parts.path
    answer = site.ask(f"{path}?{parts.query}" if parts.query else path)
    found = answer.json() if answer.status == _OK else {}
    keys = found.get("keys") if isinstance(found, dict) else None
    fit = [key for key in keys if _fits(key)] if isinstance(keys, list) else []
    if fit:
        return ok(subject, f"{len(fit)} can verify tokens.")
    meaning = f"none that can verify tokens; it is answered {answer.status}."
    return fault(subject, meaning, f"A key is needed for one of {', '.join(ALGORITHMS)}.")


def _fits(key: object) -> bool:
    if not isinstance(key, dict) or key.get("use", "sig") != "sig":
        return False
    kind, curve = key.get("kty"), key.get("crv")
    return (kind, None if kind == "RSA" else curve) in _KINDS
