import uuid
from datetime import timedelta

import pytest
from msgspec import UNSET, structs

from buildfeed import board, command
from buildfeed.activity import Activity, Build, Script, decode, encode
from buildfeed.errors import InvalidActivity, InvalidTopic
from support.samples import BEGIN, ENDED, NOW, PROGRESS, QUEUED, RUNNING, START

ID = uuid.UUID(int=1).hex
LATER = NOW + timedelta(seconds=2)


def stop(known: Build) -> Activity:
    return command.stop(known, LATER, by="bob", uuid=ID)


def test_a_start_offers_a_queued_build_with_all_that_was_asked_for() -> None:
    script = Script(seconds=3, steps=5, errors=(20, 40))
    start = command.start("acme", "0193", NOW, by="ada", script=script, priority="high")
    assert (start.kind, start.worker, start.actor.name) == ("start", None, "ada")
    assert start.id == "urn:buildfeed:acme:0193:0.0"
    build = start.object
    assert (build.status, build.progress, build.errors, build.attempt, build.seq) == (
        "queued",
        0,
        0,
        0,
        0,
    )
    assert (build.by, build.script, build.priority) == ("ada", script, "high")
    assert build.queued_time == start.published == NOW


def test_a_delayed_start_says_when_it_may_begin() -> None:
    wish = {"by": "ada", "script": Script(), "priority": "normal"}
    build = command.start("acme", "0193", NOW, **wish, delay=1.5).object
    assert build.status == "queued"
    assert build.not_before == build.due_time == NOW + timedelta(seconds=1.5)
    build = command.start("acme", "0193", NOW, **wish).object
    assert (build.not_before, build.due_time) == (UNSET, NOW)


def test_a_wish_is_repeated_without_what_it_did_not_say() -> None:
    wish = {"by": "ada", "script": Script(seconds=3), "priority": "high", "delay": 9}
    asked = command.start("acme", "b1", NOW, **wish).object
    new = command.again(asked, "b2", LATER)
    assert decode(str(new.topic), encode(new)) == new
    assert (new.kind, new.id, new.actor.name) == ("start", "urn:buildfeed:acme:b2:0.0", "ada")
    assert new.object == structs.replace(
        asked, id="urn:buildfeed:acme:b2", build="b2", queued_time=LATER, not_before=UNSET
    )
    terse = structs.replace(asked, by=UNSET, script=UNSET)
    new = command.again(terse, "b2", LATER)
    assert (new.actor.name, new.object.by, new.object.script) == ("anonymous", UNSET, UNSET)
    assert command.again(ENDED, "b2", LATER).object.status == "queued"


def test_commands_can_be_published() -> None:
    start = command.start("acme", "0193", NOW, by="ada", script=Script(), priority="normal")
    unknown = command.unknown("acme", "0193")
    for known in (start.object, RUNNING, ENDED, unknown):
        undo = stop(known)
        assert decode("builds/acme/0193/stop", encode(undo)) == undo
    assert decode("builds/acme/0193/start", encode(start)) == start


def test_a_command_for_a_hostile_name_cannot_be_published(hostile_text: str) -> None:
    start = command.start(hostile_text, "0193", NOW, by="ada", script=Script(), priority="normal")
    for activity in (start, stop(command.unknown("acme", hostile_text))):
        with pytest.raises((InvalidTopic, InvalidActivity)):
            encode(activity)


@pytest.mark.parametrize(
    "known", [QUEUED, command.unknown("acme", "0193")], ids=["known", "unknown"]
)
def test_a_stop_ends_a_build_that_no_worker_had_taken(known: Build) -> None:
    build = stop(known).object
    assert (build.status, build.attempt, build.seq) == ("stopped", 0, 1)
    assert build.end_time == LATER
    assert build.by is known.by


@pytest.mark.parametrize(
    "known",
    [RUNNING, ENDED, structs.replace(RUNNING, status="queued")],
    ids=["running", "ended", "queued again"],
)
def test_a_stop_carries_the_state_of_any_other_build_as_it_was_known(known: Build) -> None:
    undo = stop(known)
    assert undo.object == known
    assert (undo.kind, undo.worker, undo.actor.name) == ("stop", None, "bob")
    assert undo.id == f"urn:buildfeed:acme:0193:stop.{ID}"


def test_a_build_stopped_before_it_ran_stays_stopped_though_a_worker_runs_it() -> None:
    state = None
    for activity in (START, stop(QUEUED), BEGIN, PROGRESS):
        state = board.fold(state, activity)
    assert state
    assert (state.newest.object.status, state.stopping, state.stopped_by) == (
        "stopped",
        False,
        "bob",
    )


def test_a_running_build_is_stopping_until_its_worker_ends_it() -> None:
    state = board.fold(board.fold(None, PROGRESS), stop(RUNNING))
    assert (state.newest, state.stopping, state.stopped_by) == (PROGRESS, True, "bob")
    stopped = structs.replace(RUNNING, status="stopped", seq=8, end_time=LATER)
    ended = board.fold(state, Activity.about(stopped, "Update", PROGRESS.actor, LATER))
    assert (ended.newest.object.status, ended.stopping, ended.stopped_by) == (
        "stopped",
        False,
        "bob",
    )


def test_nothing_is_made_up_about_an_unknown_build() -> None:
    build = command.unknown("acme", "0193")
    assert (build.status, build.attempt, build.seq) == ("queued", 0, 0)
    assert (build.by, build.script, build.queued_time) == (UNSET, UNSET, UNSET)
