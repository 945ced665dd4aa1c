"""The activities of one build, without a clock or a broker."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from buildfeed import command
from buildfeed.activity import (
    MAX_BYTES,
    MAX_ERROR_BYTES,
    MAX_LOG_BYTES,
    Activity,
    Build,
    Script,
    decode,
    encode,
    urn,
)
from buildfeed.board import BuildState, fold
from buildfeed.worker.attempt import Attempt
from buildfeed.worker.runner import Error, Outcome, Step
from fakebuild.script import Tick, plan

QUEUED = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
BUILD = "01934f4ce3b27b3c8f1e2d3c4b5a6978"


def offer(script: Script = Script()) -> Build:  # noqa: B008 - frozen
    return command.start("acme", BUILD, QUEUED, by="ada", script=script, priority="high").object


def whole(run: Attempt, script: Script = Script()) -> Iterator[Activity]:  # noqa: B008 - frozen
    """Everything a build publishes from its beginning to its end."""
    yield run.accept(QUEUED + timedelta(seconds=1))
    for tick in plan(script):
        yield from run.advance(tick, QUEUED + timedelta(seconds=1 + tick.at))
    outcome = Outcome("failed" if script.errors else "succeeded")
    yield run.finish(outcome, QUEUED + timedelta(seconds=1 + script.seconds))


def test_an_attempt_begins_with_an_accept_of_seq_0_at_0_percent() -> None:
    accept = Attempt(offer(), attempt=2, worker="w1").accept(QUEUED)

    assert (accept.type, accept.kind) == ("Accept", "status")
    assert accept.id == f"{urn('acme', BUILD)}:2.0"
    assert (accept.object.status, accept.object.progress) == ("running", 0)
    assert accept.worker == "w1"


def test_a_script_that_nobody_asked_for_is_not_published() -> None:
    asked = replace(offer(), script=UNSET)
    run = Attempt(asked, attempt=1, worker="w1")

    assert {activity.object.script for activity in whole(run)} == {UNSET}


def test_seq_counts_every_activity_of_the_attempt() -> None:
    activities = list(whole(Attempt(offer(), attempt=1, worker="w1")))

    assert [activity.object.seq for activity in activities] == [*range(len(activities))]


def test_every_activity_carries_who_asked_for_what_and_when() -> None:
    script = Script(seconds=1, steps=2, errors=(50,))

    for activity in whole(Attempt(offer(script), attempt=1, worker="w1"), script):
        build = activity.object
        assert (build.by, build.priority, build.script) == ("ada", "high", script)
        assert (build.queued_time, build.start_time) == (QUEUED, QUEUED + timedelta(seconds=1))


def test_the_activity_of_an_error_carries_the_new_progress_and_no_progress_follows() -> None:
    activities = list(whole(Attempt(offer(), attempt=1, worker="w1")))

    at_70 = [a for a in activities if a.object.progress == 70 and a.kind != "log"]
    assert [(a.kind, a.object.errors) for a in at_70] == [("error", 1)]
    assert at_70[0].object.error == at_70[0].content


def test_an_error_does_not_end_the_build_but_makes_it_fail() -> None:
    activities = list(whole(Attempt(offer(), attempt=1, worker="w1")))

    assert [a.object.progress for a in activities if a.kind == "progress"] == [
        10, 20, 30, 40, 50, 60, 80, 90, 100,
    ]  # fmt: skip
    assert activities[-1].object.status == "failed"
    assert activities[-1].object.end_time == QUEUED + timedelta(seconds=11)


def test_a_build_without_errors_succeeds() -> None:
    activities = list(whole(Attempt(offer(), attempt=1, worker="w1"), Script(errors=())))

    assert activities[-1].object.status == "succeeded"
    assert {a.kind for a in activities} == {"status", "log", "progress"}


def test_a_build_that_is_stopped_keeps_its_progress() -> None:
    run = Attempt(offer(), attempt=1, worker="w1")
    run.accept(QUEUED)
    list(run.advance(Tick(at=1, progress=10, output="…"), QUEUED))

    ending = run.stop(QUEUED)

    assert (ending.type, ending.kind) == ("Update", "status")
    assert (ending.object.status, ending.object.progress) == ("stopped", 10)


def test_a_build_that_ends_before_it_was_accepted_has_seq_0_and_no_start_time() -> None:
    ending = Attempt(offer(), attempt=11, worker="w1").fail("Given up.", QUEUED).object

    assert (ending.status, ending.attempt, ending.seq) == ("failed", 11, 0)
    assert (ending.errors, ending.error) == (1, "Given up.")
    assert not ending.start_time


def test_a_build_goes_on_under_another_attempt_with_its_progress() -> None:
    run = Attempt(offer(), attempt=1, worker="w1")
    first = run.accept(QUEUED)
    list(run.advance(Tick(at=1, progress=70, output="…", errors=(Error("step 7: …"),)), QUEUED))

    run.again(2)
    accept = run.accept(QUEUED + timedelta(seconds=9))

    build = accept.object
    assert (build.attempt, build.seq, build.progress, build.errors) == (2, 0, 70, 1)
    assert build.start_time == first.object.start_time


def test_the_offsets_of_another_attempt_count_its_own_output() -> None:
    run = Attempt(offer(), attempt=1, worker="w1")
    run.accept(QUEUED)
    (first,) = run.advance(Step(output="Ü\n", offset=500), QUEUED)

    run.again(2)
    accept, note = run.resume(1, QUEUED)
    (second,) = run.advance(Step(output="next\n", offset=503), QUEUED)
    (third,) = run.advance(Step(output="after a gap\n", offset=1508), QUEUED)

    assert first.offset == 500
    assert (accept.object.seq, accept.kind) == (0, "status")
    assert note.content == "[the output before this is that of attempt 1]\n"
    assert (note.object.attempt, note.offset) == (2, 0)
    assert second.offset == len(note.content)
    assert third.offset == len(note.content) + 1005


def test_another_attempt_says_nothing_of_output_that_nobody_counts() -> None:
    run = Attempt(offer(), attempt=1, worker="w1")
    run.accept(QUEUED)
    list(run.advance(Step(output="text\n"), QUEUED))
    run.again(2)
    assert [each.kind for each in run.resume(1, QUEUED)] == ["status"]
    (log,) = run.advance(Step(output="text\n"), QUEUED)
    assert log.offset is UNSET


def test_a_start_of_an_earlier_attempt_begins_at_0_percent_again() -> None:
    earlier = Attempt(offer(), attempt=1, worker="w1")
    half = list(whole(earlier))[10].object

    build = Attempt(half, attempt=2, worker="w2").accept(QUEUED).object

    assert (build.progress, build.errors, build.by) == (0, 0, "ada")


def test_long_texts_are_cut_to_what_the_contract_allows() -> None:
    run = Attempt(offer(), attempt=1, worker="w1")
    run.accept(QUEUED)

    tick = Tick(at=1, progress=10, output="ü" * 20_000, errors=(Error("é" * 100_000),))
    log, error = run.advance(tick, QUEUED)

    assert len(str(log.content).encode()) <= MAX_LOG_BYTES
    assert len(str(error.object.error).encode()) <= MAX_ERROR_BYTES
    assert len(str(error.content)) > MAX_ERROR_BYTES
    assert len(encode(error)) <= MAX_BYTES


@given(
    st.builds(
        Script,
        steps=st.integers(1, 20),
        errors=st.lists(st.integers(0, 100), max_size=5).map(tuple),
    )
)
def test_every_activity_is_valid_and_the_fold_ends_with_the_ending(script: Script) -> None:
    activities = list(whole(Attempt(offer(script), attempt=1, worker="w1"), script))

    state: BuildState | None = None
    for activity in activities:
        assert decode(str(activity.topic), encode(activity)) == activity
        if activity.kind != "log":
            state = fold(state, activity)
    assert state
    assert state.newest == activities[-1]
    assert state.newest.object.errors == len(set(script.errors))
