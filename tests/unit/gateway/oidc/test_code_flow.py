"""The code flow: what is asked of the provider, and where one comes back to."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.oidc import code_flow
from gateway.oidc.code_flow import Attempt
from support.jwts import SETTINGS

ATTEMPT = Attempt(state="s" * 43, nonce="n" * 43, verifier="v" * 43, place="/projects/acme")
HERE = "https://builds.example/login/oidc/callback"


def test_a_sign_in_is_asked_for_with_pkce() -> None:
    url = code_flow.address("https://id.example/auth", ATTEMPT, SETTINGS, HERE)
    assert url.startswith("https://id.example/auth?")
    assert {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()} == {
        "response_type": "code",
        "client_id": "buildfeed",
        "redirect_uri": HERE,
        "scope": "openid profile email",
        "state": ATTEMPT.state,
        "nonce": ATTEMPT.nonce,
        "code_challenge": ATTEMPT.challenge,
        "code_challenge_method": "S256",
    }
    assert ATTEMPT.verifier not in url


def test_the_query_of_an_endpoint_stays() -> None:
    url = code_flow.address("https://id.example/auth?p=1", ATTEMPT, SETTINGS, HERE)
    assert url.startswith("https://id.example/auth?p=1&response_type=code")


def test_the_challenge_is_that_of_the_rfc() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
    attempt = Attempt(state="", nonce="", verifier=verifier, place="/")
    assert attempt.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_cookie_has_the_attempt() -> None:
    assert Attempt.of_cookie(ATTEMPT.cookie) == ATTEMPT


@given(st.text(max_size=100))
def test_any_other_cookie_has_none(value: str) -> None:
    assert Attempt.of_cookie(value) is None


def test_an_attempt_without_secrets_is_none() -> None:
    short = Attempt(state="s", nonce="n" * 43, verifier="v" * 43, place="/")
    assert Attempt.of_cookie(short.cookie) is None


@pytest.mark.parametrize("path", ["/", "/projects/acme", "/projects/acme/builds/b1?x=1#error-3"])
def test_one_comes_back_to_where_one_was(path: str) -> None:
    assert code_flow.place(path, "") == path
    assert code_flow.place(f"/ci{path}", "/ci") == f"/ci{path}"


@pytest.mark.parametrize(
    "asked",
    [
        *("//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", ""),
        *("/\t/evil.example", "/\n/evil.example", "/ /x", "https://evil.example/", "evil"),
        *("https:evil.example", "javascript:alert(1)", "/x/../../y", "/%2e%2e/x", "/é", "/" * 1001),
        *("/login", "/login/oidc", "/login/oidc/callback?code=x"),
    ],
)
def test_nobody_is_led_elsewhere(asked: str) -> None:
    assert code_flow.place(asked, "") == "/"
    assert code_flow.place(asked, "/ci") == "/ci/"


@pytest.mark.parametrize("asked", ["/", "/cider/", "/ci", "/ci//evil.example", "/ci/../other"])
def test_nobody_is_led_out_of_the_path_below_which_the_page_is(asked: str) -> None:
    assert code_flow.place(asked, "/ci") == "/ci/"
