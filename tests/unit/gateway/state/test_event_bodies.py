from msgspec import structs

from buildfeed import command
from buildfeed.board import BuildState
from gateway.state.event_bodies import Body, build_body, log_body
from support.builders import accept, log, start, stop
from support.samples import END, NOW, REAL_ERROR, STOP


def unknown(body: Body) -> set[str]:
    return {key for key, value in body.items() if value is None}


def test_the_event_has_what_the_contract_lists_and_nothing_else() -> None:
    assert build_body(BuildState(END, STOP), "status", ahead=None, lost=False) == {
        "project": "acme",
        "build": "0193",
        "kind": "status",
        "status": "failed",
        "running": False,
        "progress": 100,
        "errors": 1,
        "error": "step 7: no such file",
        "attempt": 1,
        "seq": 12,
        "worker": "w1",
        "by": "ada",
        "priority": "normal",
        "script": {"seconds": 10, "steps": 10, "errors": (70,)},
        "stopping": False,
        "stoppedBy": "ada",
        "ahead": None,
        "lost": False,
        "published": "2026-11-21T10:15:03.218Z",
        "queued": "2026-11-21T10:14:55.218Z",
        "notBefore": None,
        "started": "2026-11-21T10:14:56.218Z",
        "ended": "2026-11-21T10:15:03.218Z",
        "expectedEnd": None,
    }


def test_a_queued_build_has_its_place_and_no_worker_yet() -> None:
    body = build_body(BuildState(start()), "start", ahead=3, lost=False)

    assert (body["status"], body["running"], body["ahead"]) == ("queued", False, 3)
    unset = {"error", "worker", "stoppedBy", "notBefore", "started", "ended", "expectedEnd"}
    assert unknown(body) == unset


def test_a_running_build_that_was_asked_to_stop_is_stopping() -> None:
    running = accept()
    body = build_body(BuildState(running, stop(running, by="bob")), "stop", ahead=None, lost=True)

    assert (body["running"], body["stopping"], body["stoppedBy"]) == (True, True, "bob")
    assert (body["kind"], body["lost"]) == ("stop", True)


def test_a_build_stopped_before_anybody_heard_of_it_is_shown_without_its_start() -> None:
    undo = command.stop(command.unknown("acme", "b1"), NOW, by="bob", uuid="0")
    body = build_body(BuildState(undo, undo), "stop", ahead=None, lost=False)

    assert (body["status"], body["stopping"], body["stoppedBy"]) == ("stopped", False, "bob")
    assert {"by", "script", "queued", "started", "worker"} < unknown(body)


def test_an_end_is_expected_of_a_build_that_runs() -> None:
    def expected(state: BuildState, seconds: float | None = 90.5) -> object:
        return build_body(state, "status", ahead=None, lost=False, seconds=seconds)["expectedEnd"]

    assert expected(BuildState(accept())) == "2026-11-21T10:16:33.718Z"
    assert expected(BuildState(accept()), None) is None
    assert expected(BuildState(start())) is None
    assert expected(BuildState(END)) is None
    assert expected(BuildState(accept()), 7972 * 366 * 86_400) is None  # in the year 9999
    assert expected(BuildState(accept()), 1e12) is None


def test_the_log_event_has_lines_and_no_state() -> None:
    assert log_body(log("compiling\n", 30)) == {
        "project": "acme",
        "build": "b1",
        "attempt": 1,
        "seq": 30,
        "worker": "w1",
        "published": "2026-11-21T10:15:03.218Z",
        "content": "compiling\n",
    }


def test_the_log_event_of_a_command_tells_where_its_output_belongs() -> None:
    output = structs.replace(log("compiling\n", 30), offset=4711)
    assert log_body(output)["offset"] == 4711


def test_a_build_of_a_command_has_what_its_tool_says() -> None:
    body = build_body(BuildState(REAL_ERROR), "error", ahead=None, lost=False)
    assert {key: body[key] for key in list(body)[-10:]} == {
        "job": "default",
        "parameters": {"stage": "test"},
        "title": "make -j8",
        "phase": "Linking",
        "done": 3,
        "total": 7,
        "indeterminate": False,
        "exitCode": 2,
        "url": "https://ci.example/7",
        "source": {"file": "src/a.c", "line": 3},
    }
