"""A principal: what it may do, how the rest is refused, and whose name it commands in."""

import pytest

from gateway.access.principal import ANONYMOUS, WHY, Principal, not_signed_in
from gateway.problems import Problem
from support.principals import principal

STRANGER = Principal(name=ANONYMOUS, grants=principal("x").grants)
ADA = principal("ada", "builder@acme")
BOT = principal("bot", "start:acme", "as:*")


def refusal(who: Principal, *asked: object) -> Problem:
    with pytest.raises(Problem) as refused:
        who.need(*asked)  # type: ignore[arg-type]
    return refused.value


def test_what_is_granted_passes() -> None:
    ADA.need("start", "acme")
    ADA.need("stop", "acme")
    ADA.need_to_see("acme", "b1")


def test_a_refusal_names_the_grant_that_is_missing() -> None:
    problem = refusal(ADA, "start", "other")
    assert (problem.status, problem.slug) == (403, "not-allowed")
    assert problem.extra == {"grant": "start:other"}
    assert "ada" in problem.detail
    assert refusal(ADA, "operate").extra == {"grant": "operate"}


@pytest.mark.parametrize("why", WHY)
def test_somebody_anonymous_hears_what_was_wrong_with_what_was_shown(why: str) -> None:
    problem = not_signed_in(why)
    assert (problem.status, problem.slug) == (401, "not-signed-in")
    assert problem.extra == {"reason": why}
    assert problem.headers == {"WWW-Authenticate": 'Bearer realm="Buildfeed"'}
    assert problem.detail.endswith(".")


def test_somebody_anonymous_is_asked_to_sign_in_whatever_is_missing() -> None:
    for asked in (("start", "acme"), ("operate",)):
        assert refusal(STRANGER, *asked).slug == "not-signed-in"
    with pytest.raises(Problem) as refused:
        STRANGER.need_to_see("acme", "b1")
    assert refused.value.slug == "not-signed-in"


def test_a_build_that_is_hidden_is_refused_as_one_that_is_not_there() -> None:
    with pytest.raises(Problem) as refused:
        ADA.need_to_see("other", "b1")
    assert (refused.value.status, refused.value.slug) == (404, "unknown-build")
    assert refused.value.extra == {}


def test_a_command_bears_the_name_of_who_asks() -> None:
    assert ADA.acts_as(ANONYMOUS) == ADA.acts_as("ada") == "ada"
    with pytest.raises(Problem) as refused:
        ADA.acts_as("eve")
    assert (refused.value.status, refused.value.slug) == (422, "bad-field")
    assert refused.value.extra["errors"][0]["pointer"] == "#/by"


def test_a_bot_acts_for_others_and_somebody_anonymous_is_who_he_says() -> None:
    assert BOT.acts_as("eve") == "eve"
    assert STRANGER.acts_as("eve") == "eve"
