"""Pages of builds put together from history and board."""

from hypothesis import given
from hypothesis import strategies as st

from buildfeed.board import BuildState
from gateway.queries import listing
from gateway.queries.listing import ListRequest
from support.builders import accept, ending, start, stop

Place = tuple[str, str]


def running(build: str, project: str = "acme") -> BuildState:
    return BuildState(accept(build=build, project=project))


def ended(build: str, project: str = "acme") -> BuildState:
    return BuildState(ending(build=build, project=project))


def places(states: list[BuildState]) -> list[Place]:
    return [(state.newest.object.build, state.newest.object.project) for state in states]


def test_what_is_not_recorded_yet_is_listed() -> None:
    states, cursor = listing.page([ended("b1")], [running("b2")], ListRequest())
    assert states == [running("b2"), ended("b1")]
    assert cursor is None


def test_the_newer_state_counts_whoever_has_it() -> None:
    recorded, known = [ended("b2"), running("b1")], [running("b2"), ended("b1")]
    assert listing.page(recorded, known, ListRequest())[0] == [ended("b2"), ended("b1")]


def test_what_either_knows_of_a_stop_is_shown() -> None:
    begun = accept(build="b1")
    known = BuildState(begun, stop(begun))
    assert listing.page([BuildState(begun)], [known], ListRequest())[0] == [known]


def test_a_build_whose_status_is_another_by_now_is_left_out() -> None:
    query = ListRequest(status="running")
    assert listing.page([running("b1")], [ended("b1")], query) == ([], None)
    assert listing.page([], [running("b2"), ended("b1")], query)[0] == [running("b2")]


def test_a_stopped_build_that_never_ran_is_one_that_ended() -> None:
    undo = stop(start(build="b1"))
    undone = BuildState(undo, undo)
    assert listing.page([], [undone], ListRequest(status="stopped"))[0] == [undone]


def test_other_projects_are_left_out() -> None:
    query = ListRequest(project="acme")
    states, _ = listing.page([], [running("b1"), running("b2", "beta")], query)
    assert states == [running("b1")]


NAMES = st.sampled_from(["b1", "b-1", "b_1", "b10", "a"])
PLACES = st.sets(st.tuples(NAMES, st.sampled_from(["acme", "acme-2", "beta"])))


@given(PLACES, PLACES, st.integers(1, 3), st.sampled_from([None, "acme"]))
def test_pages_meet_without_gap_or_overlap_wherever_a_build_is_known(
    recorded: set[Place], on_board: set[Place], limit: int, project: str | None
) -> None:
    listed: list[Place] = []
    query = ListRequest(limit=limit, **({"project": project} if project else {}))
    wanted = {place for place in recorded | on_board if project in (None, place[1])}
    while True:
        page = sorted(
            (each for each in recorded & wanted if not query.end or each < query.end), reverse=True
        )
        states, cursor = listing.page(
            [ended(*each) for each in page[:limit]], [running(*each) for each in on_board], query
        )
        listed += places(states)
        assert len(states) <= limit
        if cursor is None:
            break
        query = ListRequest(limit=limit, before=cursor, project=query.project)
    assert listed == sorted(wanted, reverse=True)
