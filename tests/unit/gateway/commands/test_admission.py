"""Which commands pass: by project, address, principal, in all; and while few builds wait."""

import pytest

from gateway.commands.admission import NOBODY, Admission, Caller, Most
from gateway.problems import Problem

HERE, THERE = Caller("192.0.2.1"), Caller("192.0.2.2")


def admission(**most: int) -> Admission:
    none = {"project": 0, "address": 0, "principal": 0, "in_all": 0, "unfinished": 0}
    return Admission(Most(**none | most))


def refused(limits: Admission, project: str = "acme", caller: Caller = HERE) -> Problem:
    with pytest.raises(Problem) as refusal:
        limits.start(project, caller, 0)
    return refusal.value


def test_without_limits_all_pass() -> None:
    limits = admission()
    for _ in range(1000):
        limits.start("acme", HERE, 10**9)
        limits.stop("acme", HERE)


def test_an_address_that_makes_up_projects_is_refused_and_others_are_not() -> None:
    limits = admission(project=5, address=2, in_all=50)
    limits.start("p1", HERE, 0)
    limits.start("p2", HERE, 0)
    problem = refused(limits, "p3")
    assert (problem.status, problem.slug) == (429, "too-many-starts")
    assert problem.extra == {"limit": "starts-per-address"}
    assert problem.headers == {"Retry-After": "30"}
    assert (
        problem.detail == "The address 192.0.2.1 sends over 2 starts a minute: try again in 30 s."
    )
    limits.start("p3", THERE, 0)
    assert limits.reached["starts-per-address"] == 1


def test_a_principal_is_refused_wherever_it_comes_from_and_others_are_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits = admission(principal=2, in_all=50)
    for address in ("192.0.2.1", "192.0.2.2"):
        limits.start("acme", Caller(address, "ada"), 0)
    problem = refused(limits, "other", Caller("192.0.2.3", "ada"))
    assert (problem.status, problem.slug) == (429, "too-many-starts")
    assert problem.extra == {"limit": "starts-per-principal"}
    assert problem.headers == {"Retry-After": "30"}
    assert problem.detail == "ada sends over 2 starts a minute: try again in 30 s."
    assert [vars(each)["principal"] for each in caplog.records] == ["ada"]
    limits.start("acme", Caller("192.0.2.1", "bob"), 0)
    for _ in range(5):
        limits.start("acme", HERE, 0)  # nobody is signed in: its address counts
    assert limits.reached["starts-per-principal"] == 1
    for _ in range(2):
        limits.stop("acme", Caller("192.0.2.1", "ada"))
    with pytest.raises(Problem, match="ada sends over 2 stops a minute"):
        limits.stop("acme", Caller("192.0.2.2", "ada"))


def test_all_together_are_refused_beyond_the_whole() -> None:
    limits = admission(in_all=3)
    for number in range(3):
        limits.start("acme", Caller(f"192.0.2.{number}"), 0)
    problem = refused(limits)
    assert problem.extra == {"limit": "starts-in-all"}
    assert problem.detail.startswith("This gateway is sent over 3 starts a minute")


def test_a_refused_start_counts_for_no_limit() -> None:
    limits = admission(project=1, address=3)
    limits.start("p1", HERE, 0)
    for _ in range(10):
        assert refused(limits, "p1").extra == {"limit": "starts-per-minute"}
    limits.start("p2", HERE, 0)
    limits.start("p3", HERE, 0)
    assert refused(limits, "p4").extra == {"limit": "starts-per-address"}


def test_no_start_passes_while_too_many_builds_are_unfinished() -> None:
    limits = admission(unfinished=2)
    limits.start("acme", HERE, 1)
    with pytest.raises(Problem) as refusal:
        limits.start("acme", HERE, 2)
    assert (refusal.value.status, refusal.value.slug) == (429, "queue-full")
    assert refusal.value.headers == {"Retry-After": "10"}
    assert refusal.value.detail.startswith("2 builds are queued or running, and no more may be")
    assert limits.reached["max-unfinished"] == 1
    limits.stop("acme", HERE)


def test_stops_have_buckets_of_their_own() -> None:
    limits = admission(project=1, address=2)
    limits.start("acme", HERE, 0)
    limits.stop("acme", HERE)
    limits.stop("acme", HERE)
    with pytest.raises(Problem) as refusal:
        limits.stop("acme", HERE)
    assert (refusal.value.status, refusal.value.slug) == (429, "too-many-stops")
    assert refusal.value.extra == {"limit": "starts-per-address"}


def test_without_an_address_the_other_limits_count() -> None:
    limits = admission(address=1, in_all=2)
    limits.start("acme", NOBODY, 0)
    limits.start("acme", NOBODY, 0)
    assert refused(limits, caller=NOBODY).extra == {"limit": "starts-in-all"}


def test_refusals_are_logged_a_few_times(caplog: pytest.LogCaptureFixture) -> None:
    limits = admission(address=1)
    for number in range(40):
        caller = Caller(f"192.0.2.{number}")
        limits.start("acme", caller, 0)
        for _ in range(3):
            refused(limits, caller=caller)
    lines = [each for each in caplog.records if each.msg == "start.limited"]
    assert len(lines) == 20
    assert limits.reached["starts-per-address"] == 120
