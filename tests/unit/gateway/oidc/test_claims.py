"""Claims: whether a token counts here and now, whose it is, and what that one may do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.grants import MOST, Grants
from gateway.access.principal import WHY
from gateway.oidc import claims as rules
from gateway.oidc.claims import LEEWAY_SECONDS, NotAccepted, NotPermitted
from support.jwts import ISSUER, SETTINGS, claims, seconds
from support.samples import NOW

LEEWAY = int(LEEWAY_SECONDS)


def refused(**other: Any) -> str:
    with pytest.raises(NotAccepted) as refusal:
        rules.bearer(claims(**other), SETTINGS, NOW)
    assert refusal.value.reason in WHY
    return refusal.value.reason


def forbidden(settings: Any = SETTINGS, **other: Any) -> str:
    with pytest.raises(NotPermitted) as refusal:
        rules.bearer(claims(**other), settings, NOW)
    return refusal.value.detail


def test_a_good_token_says_who_it_is() -> None:
    who = rules.bearer(claims(), SETTINGS, NOW)
    assert (who.name, who.grants) == ("oidc-ada", Grants.parse(["builder@acme"]))
    assert who.expires == datetime.fromtimestamp(seconds(minutes=10) + LEEWAY, UTC)


@pytest.mark.parametrize("audience", ["buildfeed", ["other", "buildfeed"]])
def test_it_is_for_us_among_others(audience: Any) -> None:
    assert rules.bearer(claims(aud=audience), SETTINGS, NOW)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"iss": "https://evil.example"}, "unknown"),
        ({"iss": f"{ISSUER}/"}, "unknown"),
        ({"iss": None}, "unknown"),
        ({"aud": "other"}, "audience"),
        ({"aud": ["other"]}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": None}, "unknown"),
        ({"aud": {"buildfeed": True}}, "unknown"),
        ({"exp": None}, "unknown"),
        ({"exp": "tomorrow"}, "unknown"),
        ({"exp": True}, "unknown"),
        ({"exp": 0}, "expired"),
        ({"exp": -(10.0**300)}, "expired"),
        ({"exp": seconds(seconds=-LEEWAY)}, "expired"),
        ({"exp": 10.0**300}, "too-long"),
        ({"exp": seconds(minutes=61)}, "too-long"),
        ({"exp": seconds(minutes=61), "iat": None}, "too-long"),
        ({"exp": seconds(minutes=10), "iat": seconds(minutes=-51)}, "too-long"),
        ({"nbf": seconds(seconds=LEEWAY + 1)}, "not-yet"),
        ({"iat": seconds(seconds=LEEWAY + 1)}, "not-yet"),
    ],
)
def test_a_token_that_does_not_count_says_why(other: dict[str, Any], reason: str) -> None:
    assert refused(**other) == reason


@pytest.mark.parametrize(
    "other",
    [
        {"exp": seconds(seconds=1 - LEEWAY)},
        {"exp": seconds(hours=1)},
        {"exp": seconds(hours=1), "iat": None},
        {"exp": float(seconds(minutes=1))},
        {"nbf": seconds(seconds=LEEWAY)},
    ],
)
def test_clocks_may_differ_a_little(other: dict[str, Any]) -> None:
    assert rules.bearer(claims(**other), SETTINGS, NOW)


# --- who it is


@pytest.mark.parametrize("name", ["ada", "a", "0b-1_x", "x" * 59])
def test_a_name_that_is_one_is_taken_as_it_is(name: str) -> None:
    who = rules.bearer(claims(preferred_username=name), SETTINGS, NOW)
    assert who.name == f"oidc-{name}"


@pytest.mark.parametrize(
    "name", ["ada.b@c.example", "Ada", "a.b", "-a", "ada\n", "x" * 60, "ädä", "ada/#", "+"]
)
def test_a_name_that_is_none_is_refused_and_never_cleaned_up(name: str) -> None:
    assert "cannot be a name here" in forbidden(preferred_username=name)


@pytest.mark.parametrize("name", [None, "", 7, ["ada"]])
def test_nobody_is_anybody_by_another_claim(name: Any) -> None:
    assert "the claim preferred_username is missing" in forbidden(
        preferred_username=name, email="ada", name="ada"
    )


def test_another_claim_may_be_the_name() -> None:
    settings = msgspec.structs.replace(SETTINGS, name_claim="sub")
    assert rules.bearer(claims(preferred_username="bob"), settings, NOW).name == "oidc-1000"


# --- what one may do


def test_grants_are_those_of_the_claim_and_of_the_groups() -> None:
    who = rules.bearer(claims(buildfeed=["viewer@x", "operate"]), SETTINGS, NOW)
    assert who.grants == Grants.parse(["builder@acme", "viewer@x", "operate"])
    assert rules.bearer(claims(groups="dev"), SETTINGS, NOW).grants == Grants.parse(
        ["builder@acme"]
    )


def test_the_groups_may_be_in_another_claim() -> None:
    settings = msgspec.structs.replace(SETTINGS, groups_claim="roles")
    who = rules.bearer(claims(groups=None, roles=["dev"]), settings, NOW)
    assert who.grants == Grants.parse(["builder@acme"])
    assert "allows anything here" in forbidden(settings)


@pytest.mark.parametrize("other", [{"groups": None}, {"groups": ["ops", "Dev"]}, {"groups": []}])
def test_who_has_neither_is_told_so(other: dict[str, Any]) -> None:
    assert forbidden(**other) == (
        "Example knows you as ada, but nothing that it says of you allows anything here: ask "
        "whoever runs this Buildfeed."
    )


@pytest.mark.parametrize(
    "said",
    [["admin"], [7], {"viewer@x": 1}, 7, ["viewer@A"], [f"start:p{n}" for n in range(MOST + 1)]],
)
def test_grants_that_cannot_be_read_are_refused(said: Any) -> None:
    assert "cannot be read" in forbidden(buildfeed=said)


# --- of a sign-in


def test_an_id_token_is_for_one_sign_in() -> None:
    good = claims(nonce="n1", exp=seconds(hours=24))
    assert rules.signed_in(good, SETTINGS, "n1", NOW).name == "oidc-ada"
    for other in ({"nonce": None}, {"nonce": "n2"}, {"azp": "other"}, {"iss": "https://x"}):
        with pytest.raises(NotAccepted, match="unknown"):
            rules.signed_in(claims(**{"nonce": "n1", **other}), SETTINGS, "n1", NOW)


def test_an_id_token_is_for_the_client_not_for_the_audience_of_programs() -> None:
    settings = msgspec.structs.replace(SETTINGS, audience="urn:api")
    assert rules.signed_in(claims(nonce="n"), settings, "n", NOW)
    with pytest.raises(NotAccepted, match="audience"):
        rules.signed_in(claims(nonce="n", aud="urn:api"), settings, "n", NOW)


# --- anything


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = "iss", "aud", "exp", "iat", "nbf", "azp", "preferred_username", "groups", "buildfeed"


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4))
def test_whatever_is_claimed_counts_only_by_the_rules(other: dict[str, Any]) -> None:
    said = {**claims(), **other}
    try:
        who = rules.bearer(said, SETTINGS, NOW)
    except (NotAccepted, NotPermitted):
        return
    assert said["iss"] == ISSUER
    assert SETTINGS.audience in said["aud"]
    assert who.expires - NOW <= timedelta(hours=1, seconds=2 * LEEWAY)
    assert who.name == f"oidc-{said['preferred_username']}"
    assert who.grants != Grants()
