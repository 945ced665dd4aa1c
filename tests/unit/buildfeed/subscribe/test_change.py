from buildfeed.activity import Activity
from buildfeed.board import BuildState
from buildfeed.subscribe.change import Change
from support.builders import accept, ending, error, log, progress, start, stop


def changes(*activities: Activity) -> list[Change]:
    """What each of `activities` changes, one after the other."""
    found: list[Change] = []
    for each in activities:
        found.append(Change.by(each, found[-1].state if found else None))
    return found


def test_a_change_has_the_state_since_then_and_the_one_before() -> None:
    began, moved = changes(accept(), progress(30))
    assert (began.before, began.build.progress, began.kind) == (None, 0, "status")
    assert (moved.before, moved.build.progress, moved.kind) == (began.state, 30, "progress")
    assert began.changed
    assert moved.changed


def test_what_comes_late_changes_nothing() -> None:
    _, _, late = changes(accept(), progress(30), progress(20))
    assert not late.changed
    assert late.build.progress == 30
    assert late.activity.object.progress == 20


def test_a_build_ends_once() -> None:
    told = changes(start(), accept(), error("no", 70), ending("failed"), ending("failed"))
    assert [each.ended for each in told] == [False, False, False, True, False]
    assert [each.build.status for each in told[-2:]] == ["failed", "failed"]


def test_the_ending_of_an_earlier_attempt_is_a_change_but_no_other_ending() -> None:
    _, corrected = changes(ending("succeeded", attempt=2), ending("failed", attempt=1))
    assert corrected.changed
    assert not corrected.ended
    assert corrected.build.status == "failed"


def test_a_log_changes_nothing_and_has_the_state_that_is_known() -> None:
    _, known = changes(progress(40), log("compiling\n", 30))
    assert not known.changed
    assert known.build.progress == 40
    (unknown,) = changes(log("compiling\n", 30))
    assert not unknown.changed
    assert unknown.build.progress == 30
    assert unknown.activity.content == "compiling\n"


def test_a_stop_is_a_change_though_the_build_goes_on() -> None:
    running = progress(30)
    _, stopping = changes(running, stop(running))
    assert stopping.changed
    assert not stopping.ended
    assert stopping.state == BuildState(running, stopping.activity)
