from buildfeed.presence import OfferedJob, Presence, RunningBuild
from gateway.state.crew import crew
from support.builders import accept, ending, start
from support.scene import recorded

JOB = OfferedJob("acme", "deploy", ("stage",))


def test_a_worker_has_what_the_board_and_its_presence_say() -> None:
    said = Presence("w1", "online", (RunningBuild("acme", "b2", 1),), slots=2, jobs=(JOB,))
    states = [recorded(accept(build="b1")), recorded(start("b3"))]
    (member,) = crew(states, [(said, True)])
    assert member.runs == {("acme", "b1"), ("acme", "b2")}
    assert member.lost == set()
    assert (member.jobs, member.pretends, member.online) == ((JOB,), False, True)


def test_what_a_worker_lost_is_with_it_and_it_is_not_online() -> None:
    state = recorded(accept(build="b1"))
    (member,) = crew([state], [], {("acme", "b1")})
    assert (member.worker, member.online) == ("w1", False)
    assert member.held == member.lost == {("acme", "b1")}


def test_a_worker_that_runs_something_is_online_before_it_says_so() -> None:
    (member,) = crew([recorded(accept(build="b1"))], [])
    assert (member.worker, member.online, member.runs) == ("w1", True, {("acme", "b1")})


def test_a_worker_of_fake_builds_pretends_and_one_without_a_slot_offers_nothing() -> None:
    fake = Presence("w1", "online", slots=1)
    runner = Presence("w2", "online", slots=0, jobs=(JOB,))
    pretends, offers_none = crew([], [(fake, True), (runner, True)])
    assert (pretends.pretends, pretends.jobs) == (True, ())
    assert (offers_none.pretends, offers_none.jobs) == (False, ())


def test_they_are_in_the_order_of_their_names() -> None:
    workers = [(Presence(name, "online"), True) for name in ("w2", "w10", "a")]
    state = recorded(ending(build="b1"))
    assert [each.worker for each in crew([state][:0], workers)] == ["a", "w10", "w2"]
