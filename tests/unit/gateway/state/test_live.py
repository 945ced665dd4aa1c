import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.activity import Activity
from buildfeed.board import Board, BuildState
from buildfeed.selection import Selection
from buildfeed.topics import Filter
from support.builders import accept, ending, error, log, progress, start, stop
from support.scene import Scene, bodies, recorded


@pytest.fixture
def scene() -> Scene:
    return Scene()


# --- what is received reaches those who watch it


def test_a_change_reaches_the_watchers_whose_filter_matches(scene: Scene) -> None:
    scene.watch("ada", "builds/acme/#")
    scene.watch("bob", "builds/+/b1/progress", "builds/#")
    scene.watch("cy", "builds/acme/b2/#", "builds/+/+/error", "builds/acme/b1/log")

    (event,) = scene.receive(progress(30))

    assert (event.name, event.watchers) == ("build", {"ada", "bob"})
    assert event.body() == scene.body() | {"kind": "progress"}
    assert (event.body()["build"], event.body()["progress"]) == ("b1", 30)


def test_what_nobody_watches_is_known_all_the_same(scene: Scene) -> None:
    assert scene.receive(start(), accept(), progress(30)) == []
    assert scene.body()["progress"] == 30


@pytest.mark.parametrize(
    ("known", "late"),
    [
        (progress(30), progress(30)),
        (progress(30), progress(20)),
        (progress(30), start()),
        (accept(attempt=2), progress(90, attempt=1)),
        (ending(), progress(30)),
        (ending(), ending()),
        (ending(), accept(attempt=2)),
    ],
    ids=["repeated", "older", "start", "lost attempt", "ended", "ended again", "ended for others"],
)
def test_what_says_nothing_new_is_not_sent(scene: Scene, known: Activity, late: Activity) -> None:
    scene.watch("ada", "builds/#")
    scene.receive(known)
    before = scene.body()

    assert scene.receive(late) == []
    assert scene.body() == before


def test_an_error_that_comes_late_is_sent_with_the_state_of_its_build(scene: Scene) -> None:
    scene.watch("ada", "builds/+/+/error")
    scene.receive(progress(80, errors=1))

    events = scene.receive(error("step 7", 70))

    assert bodies(events, "kind", "progress", "errors") == [("error", 80, 1)]


def test_a_stop_shows_who_asked_for_it(scene: Scene) -> None:
    scene.watch("ada", "builds/#")
    scene.receive(progress(30))

    events = scene.receive(stop(progress(20), by="bob"))

    assert bodies(events, "kind", "stopping", "stoppedBy", "progress") == [
        ("stop", True, "bob", 30)
    ]


BUILD = [
    start(),
    accept(),
    progress(30),
    error("step 5", 50),
    progress(60, errors=1),
    ending("failed", errors=1),
]


@given(st.permutations(BUILD), st.lists(st.sampled_from(BUILD)))
def test_a_watcher_sees_the_same_picture_in_the_end_whatever_the_order(
    first: list[Activity], then: list[Activity]
) -> None:
    scene = Scene()
    scene.watch("ada", "builds/#")

    *_, last = scene.receive(*first, *then)

    assert last.body() | {"kind": ""} == scene.body() | {"kind": ""}
    assert (last.body()["status"], last.body()["errors"]) == ("failed", 1)


def test_a_log_reaches_log_watchers_only_and_changes_nothing(scene: Scene) -> None:
    scene.watch("ada", "builds/acme/b1/log")
    scene.watch("bob", "builds/#", "builds/acme/b1/#")
    scene.receive(progress(30))
    before = scene.body()

    (event,) = scene.receive(log("compiling\n", 40))

    assert (event.name, event.watchers) == ("log", {"ada"})
    assert event.body()["content"] == "compiling\n"
    assert scene.body() == before


def test_a_log_does_not_make_a_build_known(scene: Scene) -> None:
    scene.receive(log("compiling\n", 40))

    assert scene.live.board.get("acme", "b1") is None


# --- healing from history


def test_what_was_missed_reaches_every_watcher_of_the_build_whatever_the_kind(
    scene: Scene,
) -> None:
    scene.watch("ada", "builds/acme/b1/error")
    scene.watch("bob", "builds/+/+/start")
    scene.watch("cy", "builds/acme/b2/#", "builds/acme/b1/log")
    scene.receive(progress(30))

    (event,) = scene.heal(recorded(ending()))

    assert event.watchers == {"ada", "bob"}
    assert (event.body()["kind"], event.body()["status"]) == ("status", "succeeded")


def test_a_stop_that_was_missed_is_healed_too(scene: Scene) -> None:
    scene.watch("ada", "builds/#")
    scene.receive(progress(30))

    events = scene.heal(recorded(progress(20), stop(progress(20), by="bob")))

    assert bodies(events, "stopping", "stoppedBy", "progress") == [(True, "bob", 30)]


@pytest.mark.parametrize("behind", [progress(30), progress(20), start()])
def test_history_that_knows_nothing_new_sends_nothing(scene: Scene, behind: Activity) -> None:
    scene.watch("ada", "builds/#")
    scene.receive(progress(30))

    assert scene.heal(recorded(behind)) == []
    assert scene.body()["progress"] == 30


# --- waiting for an ending


def test_an_ending_is_told_once(scene: Scene) -> None:
    told: list[BuildState] = []
    scene.live.when_ended(("acme", "b1"), told.append)
    scene.live.when_ended(("acme", "b1"), told.append)

    scene.receive(progress(30), ending(build="b2"))
    assert told == []
    scene.receive(ending("failed"), ending("failed"))

    assert [state.newest.object.status for state in told] == ["failed", "failed"]


def test_an_ending_found_in_history_is_told_too(scene: Scene) -> None:
    told: list[BuildState] = []
    scene.live.when_ended(("acme", "b1"), told.append)
    scene.heal(recorded(ending()))

    assert told == [scene.live.board.get("acme", "b1")]


def test_who_cancels_is_told_nothing_and_the_others_are(scene: Scene) -> None:
    told: list[str] = []
    cancel = scene.live.when_ended(("acme", "b1"), lambda _: told.append("ada"))
    scene.live.when_ended(("acme", "b1"), lambda _: told.append("bob"))
    cancel()
    cancel()
    scene.receive(ending())
    cancel()

    assert told == ["bob"]
    assert not scene.live._ended_callbacks


def test_who_cancels_while_being_told_hides_it_from_nobody(scene: Scene) -> None:
    told: list[str] = []

    def ada(_: BuildState) -> None:
        told.append("ada")
        cancel()

    cancel = scene.live.when_ended(("acme", "b1"), ada)
    scene.live.when_ended(("acme", "b1"), lambda _: told.append("bob"))
    scene.receive(ending())

    assert told == ["ada", "bob"]


# --- what is on the board


@pytest.mark.parametrize(
    ("filters", "unfinished", "ended"),
    [
        (["builds/#"], ["b1", "b3", "b5"], ["b2", "b4"]),
        (["#"], ["b1", "b3", "b5"], ["b2", "b4"]),
        (["builds/acme/#"], ["b1", "b3"], ["b2", "b4"]),
        (["builds/+/+/error"], ["b1", "b3", "b5"], ["b2", "b4"]),
        (["builds/zoo/+/start"], ["b5"], []),
        (["builds/+/b2/#", "builds/acme/b3/log"], ["b3"], ["b2"]),
        (["builds/acme/b1/status", "builds/acme/b1/#"], ["b1"], []),
        (["builds/acme/b9/#"], [], []),
        ([], [], []),
    ],
)
def test_the_builds_that_filters_concern_are_listed_once(
    scene: Scene, filters: list[str], unfinished: list[str], ended: list[str]
) -> None:
    scene.receive(
        start("b3"),
        accept(build="b1"),
        start("b5", project="zoo"),
        ending(build="b2"),
        ending("failed", build="b4"),
    )

    found = scene.live.on_board(Selection.of(map(Filter.parse, filters)))

    assert [sorted(state.newest.object.build for state in states) for states in found] == [
        unfinished,
        ended,
    ]


def test_a_forgotten_build_that_is_heard_of_again_is_to_be_verified(scene: Scene) -> None:
    scene.live.board = Board(max_ended=1)
    scene.receive(ending(build="b1"), ending(build="b2"))
    assert scene.live.unverified == set()

    scene.receive(progress(30, build="b1"))

    assert scene.live.unverified == {("acme", "b1")}
