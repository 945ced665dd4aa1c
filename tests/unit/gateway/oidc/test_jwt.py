"""JSON Web Tokens: only what a key of the provider has signed counts, by an algorithm of three."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.access.credentials import LONGEST_JWT, is_jwt
from gateway.oidc.jwt import ALGORITHMS, InvalidJwt, Jwt, Keys
from support.jwts import PUBLISHED, SIGNING, claims, signed

KEYS = Keys.of(PUBLISHED)


def is_good(text: str, keys: Keys = KEYS) -> bool:
    token = Jwt.parse(text)
    key = keys.of_token(token)
    return key is not None and token.is_signed_by(key)


def encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_each_algorithm_counts(algorithm: str) -> None:
    text = signed(claims(), algorithm)
    assert is_jwt(text)
    assert is_good(text)
    assert Jwt.parse(text).claims == claims()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_another_key_with_the_same_name_does_not(algorithm: str) -> None:
    others = {
        "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
        "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
        "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "okp"}),
    }
    assert not is_good(signed(claims(), algorithm, others[algorithm]))


def test_no_signature_is_none() -> None:
    head, body, signature = signed(claims()).split(".")
    with pytest.raises(InvalidJwt, match="algorithm"):
        Jwt.parse(f"{encoded({'alg': 'none'})}.{body}.")
    assert not is_good(f"{head}.{body}.")
    with pytest.raises(InvalidJwt):
        Jwt.parse(f"{head}.{body}")
    assert not is_good(f"{head}.{encoded(claims(groups=['ops']))}.{signature}")


def test_a_public_key_is_no_secret() -> None:
    """RFC 8725 §2.1: signed by HS256 with the public key as the secret."""
    public = SIGNING["RS256"]
    assert isinstance(public, RSAKey)
    said = f"{encoded({'alg': 'HS256', 'kid': 'rsa'})}.{encoded(claims())}"
    signature = hmac.digest(public.as_pem(private=False), said.encode(), "sha256")
    with pytest.raises(InvalidJwt, match="algorithm"):
        Jwt.parse(f"{said}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}")


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("PS256", SIGNING["RS256"]),
        ("RS512", SIGNING["RS256"]),
        ("ES384", ECKey.generate_key("P-384")),
        ("Ed25519", SIGNING["EdDSA"]),
    ],
)
def test_other_algorithms_do_not_count(algorithm: str, key: Any) -> None:
    with pytest.raises(InvalidJwt, match="algorithm"):
        Jwt.parse(signed(claims(), algorithm, key))


def test_a_key_verifies_its_own_algorithm_only() -> None:
    assert not is_good(signed(claims(), "ES256", kid="rsa"))
    assert KEYS.of_token(Jwt.parse(signed(claims(), kid="nobody"))) is None


def test_a_token_may_name_no_key_where_only_one_fits() -> None:
    text = signed(claims(), kid=None)
    assert is_good(text)
    assert not is_good(text, Keys.of([*PUBLISHED, {**PUBLISHED[0], "kid": "another"}]))


def test_a_key_that_a_token_brings_is_ignored() -> None:
    own = ECKey.generate_key("P-256", {"kid": "own"})
    brought = own.as_dict(private=False)
    assert KEYS.of_token(Jwt.parse(signed(claims(), "ES256", own, jwk=brought))) is None
    assert not is_good(signed(claims(), "ES256", own, jwk=brought, kid="ec"))


@pytest.mark.parametrize("type_", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
def test_bearer_and_id_tokens_count(type_: str | None) -> None:
    assert is_good(signed(claims(), typ=type_))


@pytest.mark.parametrize("header", [{"typ": "logout+jwt"}, {"typ": 1}, {"crit": ["x"], "x": 1}])
def test_tokens_of_other_kinds_do_not(header: dict[str, Any]) -> None:
    good = signed(claims())
    _, body, signature = good.split(".")
    with pytest.raises(InvalidJwt):
        Jwt.parse(f"{encoded({'alg': 'RS256', 'kid': 'rsa', **header})}.{body}.{signature}")


def test_a_token_has_a_size() -> None:
    with pytest.raises(InvalidJwt, match="too long"):
        Jwt.parse(signed(claims(padding="x" * LONGEST_JWT)))


@pytest.mark.parametrize(
    "document",
    [
        {**PUBLISHED[0], "use": "enc"},
        {**PUBLISHED[0], "alg": "RS512"},
        {**PUBLISHED[0], "n": "AQAB"},
        {**PUBLISHED[0], "n": "not base64 at all \u00e9"},
        {**PUBLISHED[0], "kid": 7},
        {**PUBLISHED[1], "crv": "P-384"},
        {**PUBLISHED[2], "crv": "X25519"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "AKP"},
        {},
        "rsa",
    ],
)
def test_other_keys_of_a_provider_are_left_out(document: Any) -> None:
    assert len(Keys.of([document, PUBLISHED[1]])) == 1


def test_a_short_key_is_left_out() -> None:
    short = RSAKey.generate_key(1024, {"kid": "short"}).as_dict(private=False)
    assert len(Keys.of([short])) == 0


@given(st.text(max_size=200) | st.from_regex(r"eyJ[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}"))
@example("..")
@example("eyJhbGciOiJSUzI1NiJ9.e30.")
@example("eyJhbGciOiJSUzI1NiJ9.W10.")
@example("e30.e30.e30")
def test_whatever_is_written_is_no_token_or_not_signed(text: str) -> None:
    with suppress(InvalidJwt):
        assert not is_good(text)


GOOD = signed(claims(), "ES256")


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_no_character_can_be_changed(place: int, character: str) -> None:
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    try:
        same = all(
            urlsafe_b64decode(f"{a}==") == urlsafe_b64decode(f"{b}==")
            for a, b in zip(changed.split("."), GOOD.split("."), strict=True)
        )  # the last bits of a group may be left over
    except ValueError:
        same = False
    try:
        assert not is_good(changed) or same
    except InvalidJwt:
        assert changed != GOOD
