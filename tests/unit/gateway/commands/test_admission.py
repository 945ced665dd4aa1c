"""Which commands pass: by project, by address, in all, and as long as not too many builds wait."""

import pytest

from gateway.commands.admission import Admission, Most
from gateway.problems import Problem


def admission(**most: int) -> Admission:
    return Admission(Most(**{"project": 0, "address": 0, "in_all": 0, "unfinished": 0} | most))


def refused(limits: Admission, project: str = "acme", client: str = "192.0.2.1") -> Problem:
    with pytest.raises(Problem) as refusal:
        limits.start(project, client, 0)
    return refusal.value


def test_without_limits_all_pass() -> None:
    limits = admission()
    for _ in range(1000):
        limits.start("acme", "192.0.2.1", 10**9)
        limits.stop("acme", "192.0.2.1")


def test_an_address_that_makes_up_projects_is_refused_and_others_are_not() -> None:
    limits = admission(project=5, address=2, in_all=50)
    limits.start("p1", "192.0.2.1", 0)
    limits.start("p2", "192.0.2.1", 0)
    problem = refused(limits, "p3")
    assert (problem.status, problem.slug) == (429, "too-many-starts")
    assert problem.extra == {"limit": "starts-per-address"}
    assert problem.headers == {"Retry-After": "30"}
    assert (
        problem.detail == "The address 192.0.2.1 sends over 2 starts a minute: try again in 30 s."
    )
    limits.start("p3", "192.0.2.2", 0)
    assert limits.reached["starts-per-address"] == 1


def test_all_together_are_refused_beyond_the_whole() -> None:
    limits = admission(in_all=3)
    for number in range(3):
        limits.start("acme", f"192.0.2.{number}", 0)
    problem = refused(limits)
    assert problem.extra == {"limit": "starts-in-all"}
    assert problem.detail.startswith("This gateway is sent over 3 starts a minute")


def test_a_refused_start_counts_for_no_limit() -> None:
    limits = admission(project=1, address=3)
    limits.start("p1", "192.0.2.1", 0)
    for _ in range(10):
        assert refused(limits, "p1").extra == {"limit": "starts-per-minute"}
    limits.start("p2", "192.0.2.1", 0)
    limits.start("p3", "192.0.2.1", 0)
    assert refused(limits, "p4").extra == {"limit": "starts-per-address"}


def test_no_start_passes_while_too_many_builds_are_unfinished() -> None:
    limits = admission(unfinished=2)
    limits.start("acme", "192.0.2.1", 1)
    with pytest.raises(Problem) as refusal:
        limits.start("acme", "192.0.2.1", 2)
    assert (refusal.value.status, refusal.value.slug) == (429, "queue-full")
    assert refusal.value.headers == {"Retry-After": "10"}
    assert refusal.value.detail.startswith("2 builds are queued or running, and no more may be")
    assert limits.reached["max-unfinished"] == 1
    limits.stop("acme", "192.0.2.1")


def test_stops_have_buckets_of_their_own() -> None:
    limits = admission(project=1, address=2)
    limits.start("acme", "192.0.2.1", 0)
    limits.stop("acme", "192.0.2.1")
    limits.stop("acme", "192.0.2.1")
    with pytest.raises(Problem) as refusal:
        limits.stop("acme", "192.0.2.1")
    assert (refusal.value.status, refusal.value.slug) == (429, "too-many-stops")
    assert refusal.value.extra == {"limit": "starts-per-address"}


def test_without_an_address_the_other_limits_count() -> None:
    limits = admission(address=1, in_all=2)
    limits.start("acme", "", 0)
    limits.start("acme", "", 0)
    assert refused(limits, client="").extra == {"limit": "starts-in-all"}


def test_refusals_are_logged_a_few_times(caplog: pytest.LogCaptureFixture) -> None:
    limits = admission(address=1)
    for number in range(40):
        client = f"192.0.2.{number}"
        limits.start("acme", client, 0)
        for _ in range(3):
            refused(limits, client=client)
    lines = [each for each in caplog.records if each.msg == "start.limited"]
    assert len(lines) == 20
    assert limits.reached["starts-per-address"] == 120
