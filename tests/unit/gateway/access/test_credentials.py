"""Credentials in headers: which count, and which do not."""

import pytest

from gateway.access.credentials import LONGEST_JWT, Shown, bearer, cookies, is_jwt, shown

HERE, THERE = "127.0.0.1:8000", "builds.example"


@pytest.mark.parametrize(
    "header", ["Bearer bf_1", "bearer bf_1", "BEARER   bf_1 ", "  Bearer bf_1"], ids=repr
)
def test_a_token_comes_in_the_scheme_bearer(header: str) -> None:
    assert bearer(header) == "bf_1"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "bf_1",
        "Bearerbf_1",
        "Bearer eyJhbGciOi",
        "Bearer bs_1",
    ],
)
def test_other_schemes_and_tokens_are_those_of_somebody_in_front(header: str) -> None:
    assert bearer(header) == ""


def test_what_is_too_long_is_cut_and_so_is_nobodys() -> None:
    assert len(bearer("Bearer bf_" + "x" * 60_000)) == 200
    (cookie,) = cookies("buildfeed=bs_" + "x" * 60_000, HERE)
    assert len(cookie) == 200


@pytest.mark.parametrize(
    "odd",
    ['settings={"a":1}', "a b=c", "x=a,b", "=", ";;", "novalue", 'q="', "buildfeedx=bs_0"],
)
def test_odd_cookies_of_other_programs_do_not_hide_ours(odd: str) -> None:
    for header in (f"{odd}; buildfeed=bs_1", f"buildfeed=bs_1; {odd}", f"{odd};buildfeed=bs_1"):
        assert cookies(header, HERE) == ("bs_1",), header


def test_a_session_goes_before_a_link_and_a_token_before_both() -> None:
    header = "buildfeed-link=bl_1; buildfeed=bs_1"
    assert cookies(header, HERE) == ("bs_1", "bl_1")
    assert shown("Bearer bf_1", header, HERE) == Shown("bf_1", host=HERE)
    assert shown("Basic x", header, HERE) == Shown(cookies=("bs_1", "bl_1"), host=HERE)


@pytest.mark.parametrize("host", [THERE, "192.0.2.1", "localhost.evil.example", "", "a b"])
def test_a_plain_cookie_counts_on_the_loopback_alone(host: str) -> None:
    tossed = "buildfeed=bs_evil; buildfeed-link=bl_evil"
    assert cookies(tossed, host) == ()
    assert cookies(f"{tossed}; __Host-buildfeed=bs_1", host) == ("bs_1",)
    assert cookies("__Host-buildfeed-link=bl_1", host) == ("bl_1",)


@pytest.mark.parametrize("host", [HERE, "localhost", "[::1]:8000", "x.localhost"])
def test_the_loopback_has_many_names(host: str) -> None:
    assert cookies("buildfeed=bs_1", host) == ("bs_1",)


def test_what_is_no_secret_for_a_cookie_is_none() -> None:
    header = "buildfeed=bf_1; __Host-buildfeed=theme-dark; buildfeed-link=1; __Host-buildfeed-link="
    assert cookies(header, HERE) == ()
    assert cookies(f"{header}; buildfeed-link=bl_1", HERE) == ("bl_1",)


def test_what_counts_first() -> None:
    assert Shown().first == Shown("").first == ""
    assert Shown("a", ("b",)).first == "a"
    assert Shown(cookies=("b", "c")).first == "b"
    assert Shown(cookies=("b",), jwt="j").first == "j"


JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln"


def test_a_jwt_may_be_that_of_a_proxy_so_the_cookies_stay() -> None:
    found = shown(f"Bearer {JWT}", "__Host-buildfeed=bs_1", HERE)
    assert found == Shown(cookies=("bs_1",), host=HERE, jwt=JWT)
    assert shown(f"Basic {JWT}", "", HERE) == Shown(host=HERE)


@pytest.mark.parametrize("text", ["", "eyJ", "eyJx.y", "eyJx.y.z.w", "eyJx.y.z ", "abc.def.ghi"])
def test_anything_else_is_no_jwt(text: str) -> None:
    assert not is_jwt(text)
    assert is_jwt(JWT)


def test_a_jwt_has_a_size() -> None:
    assert bearer(f"Bearer {JWT}{'x' * LONGEST_JWT}") == ""
