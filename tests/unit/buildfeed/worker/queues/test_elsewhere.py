"""Which builds of others are abandoned: by what is heard of them, without a clock or a broker."""

import pytest

from buildfeed.presence import SILENCE_SECONDS, Presence
from buildfeed.worker.queues.elsewhere import Elsewhere

B1, B2 = ("acme", "b1"), ("acme", "b2")
LONG = SILENCE_SECONDS + 1


@pytest.fixture
def elsewhere() -> Elsewhere:
    elsewhere = Elsewhere()
    elsewhere.update({B1: "w1", B2: "w2"}, now=0)
    return elsewhere


def test_a_build_is_left_alone_while_something_is_heard_of_it_or_its_worker(
    elsewhere: Elsewhere,
) -> None:
    elsewhere.hear(B1, now=20)
    elsewhere.hear_worker(Presence("w2", "online"), now=20)
    assert elsewhere.abandoned(LONG) == set()
    assert elsewhere.abandoned(20 + LONG) == {B1, B2}


def test_a_build_is_abandoned_at_once_when_its_worker_says_goodbye(elsewhere: Elsewhere) -> None:
    elsewhere.hear_worker(Presence("w1", "offline"), now=1)
    assert elsewhere.abandoned(1) == {B1}
    elsewhere.hear_worker(Presence("w1", "online"), now=2)
    assert elsewhere.abandoned(2) == set()


def test_silence_begins_anew_with_another_worker_and_after_a_lost_connection(
    elsewhere: Elsewhere,
) -> None:
    elsewhere.update({B1: "w3", B2: "w2"}, now=LONG)
    assert elsewhere.abandoned(LONG) == {B2}
    elsewhere.restart(now=LONG)
    assert elsewhere.abandoned(LONG) == set()


def test_what_nobody_else_runs_any_more_is_forgotten(elsewhere: Elsewhere) -> None:
    elsewhere.hear_worker(Presence("w1", "offline"), now=1)
    elsewhere.hear_worker(Presence("a-stranger", "offline"), now=1)
    elsewhere.update({B2: "w2"}, now=1)
    elsewhere.hear(B1, now=2)
    assert elsewhere.workers == {B2: "w2"}
    assert elsewhere._left == set()


def test_a_build_whose_worker_nobody_names_is_abandoned_when_it_is_silent() -> None:
    elsewhere = Elsewhere()
    elsewhere.update({B1: None}, now=0)
    assert elsewhere.abandoned(LONG - 2) == set()
    assert elsewhere.abandoned(LONG) == {B1}
