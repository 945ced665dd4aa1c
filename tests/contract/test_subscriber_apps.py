"""The apps in examples/, as programs on a real broker, and a server that takes what they send."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator

from buildfeed.activity import Activity
from support.brokers import Embedded
from support.builders import accept, ending, error, progress, start
from support.rabbitmq import ControlledRabbitMQ
from support.samples import NOW
from support.service import until
from support.sink import Sent, Sink
from support.subscribing import Program, Way, on_rabbitmq

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

Run = Callable[..., Program]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def way(embedded: Embedded) -> Iterator[Way]:
    with Way(embedded.url, embedded.url) as way:
        yield way


@pytest.fixture
def run(way: Way, sink: Sink, tmp_path: Path) -> Iterator[Run]:
    """A function that runs an example until the test ends, once it listens."""
    running: list[Program] = []

    def run(name: str, *arguments: str, **environment: str) -> Program:
        options = ("--memory", "app.memory")
        environment |= {"BUILDFEED_BROKER": way.url}
        program = Program(tmp_path, EXAMPLES / name, *arguments, *options, **environment)
        program.start()
        running.append(program)
        return program

    yield run
    for program in running:
        program.__exit__()


def until_accepted(sink: Sink, count: int) -> list[Sent]:
    until(lambda: len(sink.accepted) >= count, f"the server has taken {count}", 30)
    assert len(sink.accepted) == count
    return sink.accepted


def bodies(sent: list[Sent]) -> list[Any]:
    return [json.loads(each.body) for each in sent]


def red(way: Way, build: str) -> list[Activity]:
    """A build with an error."""
    facts = {"project": way.project, "build": build}
    broken = error("cc <b> & \x1b[31mno\n", 40, **facts)
    known = {"errors": 1, "error": broken.object.error}
    return [
        accept(**facts),
        broken,
        progress(50, **facts, **known),
        ending("failed", **facts, **known),
    ]


# --- whatever the server


@pytest.fixture(params=["embedded", "session", "queue"])
def any_way(request: pytest.FixtureRequest) -> Iterator[Way]:
    if request.param == "embedded":
        yield request.getfixturevalue("way")
    else:
        rabbitmq: ControlledRabbitMQ = request.getfixturevalue("rabbitmq")
        with on_rabbitmq(rabbitmq, request.param) as way:
            way.app = "notify"
            yield way


@pytest.fixture
def notify(any_way: Way, sink: Sink, tmp_path: Path) -> Iterator[Program]:
    secrets = {"BUILDFEED_BROKER": any_way.url, "NOTIFY_URL": f"{sink.url}/hook"}
    command = EXAMPLES / "notify.py", any_way.filter, "--memory", "notify.memory"
    with Program(tmp_path, *command, **secrets) as program:
        yield program


def told(sink: Sink) -> list[str]:
    """The builds that a webhook was told of."""
    return [json.loads(each.body)["build"] for each in sink.accepted]


def test_a_server_that_fails_twice_gets_each_message_once_and_in_order(
    any_way: Way, sink: Sink, notify: Program
) -> None:
    sink.failures = 2
    any_way.publish(*any_way.life("b1"), *any_way.life("b2"))
    until(lambda: told(sink) == ["b1", "b2"], "both were told", 30)
    assert [each.answer for each in sink.sent] == [503, 503, 200, 200]
    assert notify.text.count("subscriber.handler_failed") == 2


def test_a_stop_in_the_middle_loses_nothing_and_repeats_nothing(
    any_way: Way, sink: Sink, notify: Program
) -> None:
    sink.hold()
    any_way.publish(*any_way.life("b1"), *any_way.life("b2"))
    until(lambda: sink.begun == 1, "the first message is under way")
    notify.tell(signal.SIGTERM)
    until(lambda: "subscriber.stopping" in notify.text, "it was told to end")
    sink.release()
    assert notify.wait() == 0
    assert told(sink) == ["b1"]
    any_way.publish(*any_way.life("b3"))
    notify.start()
    any_way.publish(*any_way.life("b4"))
    until(lambda: "b4" in told(sink), "the last one was told", 30)
    assert told(sink) == ["b1", "b2", "b3", "b4"]


def test_a_second_ctrl_c_ends_it_at_once(way: Way, sink: Sink, run: Run) -> None:
    sink.hold()
    notify = run("notify.py", way.filter, NOTIFY_URL=sink.url)
    way.publish(*way.life())
    until(lambda: sink.begun == 1, "the message is under way")
    notify.tell(signal.SIGINT)
    until(lambda: "subscriber.stopping" in notify.text, "it was told to end")
    assert notify.running
    notify.tell(signal.SIGINT)
    assert notify.wait() == -signal.SIGINT
    assert "Traceback" not in notify.text


def test_a_kill_in_the_middle_repeats_the_message_that_was_under_way_and_no_other(
    any_way: Way, sink: Sink, notify: Program
) -> None:
    any_way.publish(*any_way.life("b1"))
    until(lambda: told(sink) == ["b1"], "the first was told")
    sink.hold()
    any_way.publish(*any_way.life("b2"), *any_way.life("b3"))
    until(lambda: sink.begun == 2, "the second message is under way")
    notify.tell(signal.SIGKILL)
    notify.wait()
    sink.release()
    until(lambda: told(sink) == ["b1", "b2"], "the server has it")
    notify.start()
    until(lambda: "b3" in told(sink), "the last one was told", 30)
    assert told(sink) == ["b1", "b2", "b2", "b3"]


def test_what_the_server_refuses_for_good_is_set_aside(
    any_way: Way, sink: Sink, notify: Program
) -> None:
    sink.answer = 404
    any_way.publish(*any_way.life("b1"))
    until(lambda: "subscriber.set_aside" in notify.text, "it is set aside")
    sink.answer = 200
    any_way.publish(*any_way.life("b2"))
    until(lambda: told(sink) == ["b2"], "the next one was told")
    assert [each.answer for each in sink.sent] == [404, 200]
    for secret in ("/hook", urlsplit(any_way.url).password):
        assert not secret or secret not in notify.text


# --- each server


def test_slack_gets_first_errors_and_endings(way: Way, sink: Sink, run: Run) -> None:
    run("notify.py", way.filter, "--as", "slack", NOTIFY_URL=f"{sink.url}/services/T/B/x")
    way.publish(*red(way, "b1"), *way.life("b2"))
    sent = until_accepted(sink, 3)
    quoted = r"cc &lt;b&gt; &amp; \x1b[31mno\n"
    assert [each["text"] for each in bodies(sent)] == [
        f"{way.project} b1 running, 1 error: {quoted}",
        f"{way.project} b1 failed, 1 error: {quoted}",
        f"{way.project} b2 succeeded",
    ]
    assert {each.path for each in sent} == {"/services/T/B/x"}
    assert {each["mrkdwn"] for each in bodies(sent)} == {False}


def test_ntfy_gets_a_topic_and_a_title(way: Way, sink: Sink, run: Run) -> None:
    run("notify.py", way.filter, "--as", "ntfy", NOTIFY_URL=f"{sink.url}/our-builds")
    way.publish(*way.life())
    (sent,) = until_accepted(sink, 1)
    assert (sent.method, sent.path) == ("POST", "/")
    assert bodies([sent]) == [
        {
            "topic": "our-builds",
            "title": f"{way.project}: succeeded",
            "message": f"{way.project} b1 succeeded",
            "tags": ["heavy_check_mark"],
            "priority": 3,
        }
    ]


def test_github_gets_a_status_of_the_commit(way: Way, sink: Sink, run: Run) -> None:
    options = ("--api", sink.url, "--page", "https://builds.example/")
    run("github_status.py", way.project, "octo/acme", *options, GITHUB_TOKEN="sesame")
    way.publish(*way.life("b1"), *red(way, f"{COMMIT}-2"), *way.life(COMMIT))
    sent = until_accepted(sink, 4)
    assert {each.path for each in sent} == {f"/repos/octo/acme/statuses/{COMMIT}"}
    assert {each.headers["authorization"] for each in sent} == {"Bearer sesame"}
    found = [(each["state"], each["description"]) for each in bodies(sent)]
    assert found == [
        ("pending", "running"),
        ("failure", "failed, 1 error"),
        ("pending", "running"),
        ("success", "succeeded"),
    ]
    assert {each["context"] for each in bodies(sent)} == {f"buildfeed/{way.project}"}
    builds = f"https://builds.example/projects/{way.project}/builds"
    assert [each["target_url"] for each in bodies(sent)[::2]] == [
        f"{builds}/{COMMIT}-2",
        f"{builds}/{COMMIT}",
    ]


def test_a_build_says_by_its_url_or_a_parameter_which_commit_it_is_of(
    way: Way, sink: Sink, run: Run
) -> None:
    run("github_status.py", way.project, "octo/acme", "--api", sink.url, GITHUB_TOKEN="sesame")
    by_url, by_parameter = 40 * "a", 40 * "b"
    of_github = f"https://github.com/octo/acme/commit/{by_url}"
    way.publish(
        accept(build="b1", project=way.project, url=f"https://ci.example/{COMMIT}"),
        accept(build="b2", project=way.project, url=of_github, job="default"),
        accept(build="b3", project=way.project, parameters={"commit": by_parameter}, job="deploy"),
    )
    sent = until_accepted(sink, 2)
    assert [each.path.rpartition("/")[2] for each in sent] == [by_url, by_parameter]
    contexts = [each["context"] for each in bodies(sent)]
    assert contexts == [f"buildfeed/{way.project}", f"buildfeed/{way.project}/deploy"]


def test_a_pushgateway_gets_the_durations_of_a_project(way: Way, sink: Sink, run: Run) -> None:
    run("prometheus_push.py", "builds/+/+/status", sink.url)
    way.publish(*red(way, "b1"))
    (sent,) = until_accepted(sink, 1)
    assert (sent.method, sent.path) == (
        "PUT",
        f"/metrics/job/buildfeed/project/{way.project}/build_job/default",
    )
    assert sent.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = dict(re.findall(r"^(buildfeed_\S+) (\S+)$", sent.body.decode(), re.MULTILINE))
    assert {name: float(value) for name, value in samples.items()} == {
        "buildfeed_last_build_duration_seconds": 0,
        "buildfeed_last_build_errors": 1,
        "buildfeed_last_build_end_time_seconds": NOW.timestamp(),
        'buildfeed_last_build_status{status="succeeded"}': 0,
        'buildfeed_last_build_status{status="failed"}': 1,
        'buildfeed_last_build_status{status="stopped"}': 0,
    }
    for name in samples:
        assert f"# TYPE {name.partition('{')[0]} gauge\n" in sent.body.decode()


TEXT = {"type": "string", "minLength": 1}
FACTS = {"type": "object", "required": ["progress", "errors", "attempt"]}


def cdevent(type_: str, content: dict[str, Any], *required: str) -> Draft202012Validator:
    """What the schema of CDEvents 0.5.1 asks of an event of this type; its subject has `content`.

    Written down from the published schemas, which no package has. The events were held against
    those by hand too.
    """

    def closed(properties: dict[str, Any], *needed: str) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": needed,
            "additionalProperties": False,
        }

    context = {"specversion": {"const": "0.5.1"}, "type": {"const": type_}}
    context |= {"id": TEXT, "source": TEXT, "timestamp": {"type": "string", "format": "date-time"}}
    subject = {"id": TEXT, "source": TEXT, "content": closed(content, *required)}
    parts = {
        "context": closed(context, *context),
        "subject": closed(subject, "id", "content"),
        "customData": FACTS,
    }
    return Draft202012Validator(closed(parts, "context", "subject"))


RUN = {"pipelineName": TEXT, "uri": {"type": "string", "pattern": "^(https?://|urn:)[!-~]+$"}}
OUTCOME = {"enum": ["success", "failure", "cancel", "error"]}
PERCENT = {"type": "integer", "minimum": 0, "maximum": 100}
EVENTS = {
    "queued": cdevent("dev.cdevents.pipelinerun.queued.0.3.0", RUN),
    "started": cdevent("dev.cdevents.pipelinerun.started.0.3.0", RUN, *RUN),
    "finished": cdevent(
        "dev.cdevents.pipelinerun.finished.0.3.0", RUN | {"outcome": OUTCOME, "errors": TEXT}
    ),
    "progressed": cdevent(
        "dev.cdeventsx.buildfeed-build.progressed.0.1.0",
        {"progress": PERCENT, "errors": {"type": "integer"}, "attempt": {"type": "integer"}},
        "progress",
    ),
}


def test_a_sink_of_cdevents_gets_a_pipelinerun(way: Way, sink: Sink, run: Run) -> None:
    run("cdevents.py", way.filter, sink.url, "--page", "https://builds.example")
    way.publish(start("b1", project=way.project), *red(way, "b1"))
    sent = until_accepted(sink, 5)
    predicates = [each["context"]["type"].split(".")[3] for each in bodies(sent)]
    assert predicates == ["queued", "started", "progressed", "progressed", "finished"]
    for predicate, each in zip(predicates, bodies(sent), strict=True):
        EVENTS[predicate].validate(each)
    last = bodies(sent)[-1]["subject"]["content"]
    assert (last["outcome"], last["pipelineName"]) == ("failure", way.project)
    assert last["uri"] == f"https://builds.example/projects/{way.project}/builds/b1"
    assert [each["subject"]["content"].get("progress") for each in bodies(sent)[2:4]] == [40, 50]


def test_a_cdevent_is_a_cloudevent_in_binary_mode(way: Way, sink: Sink, run: Run) -> None:
    run("cdevents.py", way.filter, sink.url)
    said = accept(project=way.project)
    way.publish(said)
    (sent,) = until_accepted(sink, 1)
    assert {name: value for name, value in sent.headers.items() if name.startswith("ce-")} == {
        "ce-specversion": "1.0",
        "ce-id": said.id,
        "ce-source": "/buildfeed",
        "ce-type": "dev.cdevents.pipelinerun.started.0.3.0",
        "ce-subject": f"{way.project}/b1",
        "ce-time": "2026-11-21T10:15:03.218Z",
    }
    assert sent.headers["content-type"] == "application/json"
    (event,) = bodies([sent])
    EVENTS["started"].validate(event)
    assert event["context"]["id"] == said.id
    assert event["subject"]["content"]["uri"] == said.object.id, "without a page it has no address"


@pytest.mark.parametrize(
    "arguments",
    [
        ("notify.py", "builds/#"),
        ("github_status.py", "acme", "octo/acme"),
        ("cdevents.py", "builds/#", "http://127.0.0.1"),
        ("prometheus_push.py", "builds/#", "http://127.0.0.1"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_example_says_what_is_missing(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, EXAMPLES / arguments[0], *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "BUILDFEED_BROKER is not set" in done.stderr
    environment = os.environ | {
        "NOTIFY_URL": "http://127.0.0.1",
        "GITHUB_TOKEN": "x",
        "BUILDFEED_BROKER": "http://u:hush@127.0.0.1",
    }
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=20, check=False, env=environment
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The address of the broker cannot be used: ")
    assert "hush" not in done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("hooks.example/secret", "The URL cannot be used: "),
        ("https://ntfy.example/", "usage: "),
    ],
)
def test_notify_says_that_its_url_is_none(url: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "notify.py", "builds/#", "--as", "ntfy"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env=os.environ | {"NOTIFY_URL": url, "BUILDFEED_BROKER": "mqtt://127.0.0.1"},
    )
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(said)
    assert "secret" not in done.stderr
