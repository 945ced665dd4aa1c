"""`topics.md` against the code: what it promises is what there is, and the other way round."""

import json
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import msgspec
import pytest
from msgspec import structs

from buildfeed import activity, command, documents, presence
from buildfeed.activity import Activity, Actor, Build, Script, Source
from buildfeed.board import Board, BuildState
from buildfeed.broker.amqp.stream import STREAM, STREAM_ARGUMENTS
from buildfeed.presence import Presence, RunningBuild
from buildfeed.topics import KINDS, Filter, Topic, watchable
from gateway.asyncapi.events import LogEvent
from gateway.broker_address import BrokerAddress
from gateway.commands.requests import StartRequest, StopRequest
from gateway.http import collection, requests
from gateway.http.answers import (
    AddressAnswer,
    CrewAnswer,
    DeadLetterAnswer,
    DeadLettersAnswer,
    ErrorAnswer,
    ErrorsAnswer,
    JobAnswer,
    JobsAnswer,
    OperationsAnswer,
    PhoneAnswer,
    ProjectAnswer,
    ProjectsAnswer,
)
from gateway.http.api import Api
from gateway.http.badges import Badges
from gateway.http.description import ASYNCAPI, Description
from gateway.http.errors import Errors
from gateway.http.health import Health
from gateway.http.jobs import Jobs
from gateway.http.logs import Logs
from gateway.http.oidc import OidcSignIn
from gateway.http.openapi import OpenApi
from gateway.http.phone import MOST_TOPICS, Phone, shown
from gateway.http.projects import ProjectList
from gateway.http.sessions import Sessions
from gateway.operations.dead_letter_routes import DeadLetterRoutes
from gateway.operations.dead_letters import MOST as MOST_LETTERS
from gateway.operations.processes import Process
from gateway.operations.routes import NAMED, Operations
from gateway.queries.snapshot_page import Cursor
from gateway.sources.feed import Feed
from gateway.state.event_bodies import build_body
from gateway.state.live import Live
from gateway.state.offers import MOST
from gateway.state.overview import Overview, WorkerLoad
from gateway.transports.sse import SseTransport

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "topics.md").read_text()
NOW = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)


def section(title: str) -> str:
    """The text under a heading, up to the next heading of its rank or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", TEXT, re.MULTILINE)
    assert found, f"topics.md has no section {title!r}"
    rest = TEXT[found.end() :]
    following = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def rows(text: str) -> list[list[str]]:
    """The cells of the first table in `text`, without its head."""
    table = text[text.index("\n|") + 1 :].partition("\n\n")[0]
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def keys(type_: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in structs.fields(type_)}


# --- the tables


@pytest.mark.parametrize(
    ("title", "type_"),
    [
        ("Activity", Activity),
        ("actor", Actor),
        ("object", Build),
        ("script", Script),
        ("source", Source),
    ],
)
def test_the_fields_of_an_activity_are_those_of_the_code(
    title: str, type_: type[msgspec.Struct]
) -> None:
    written = {names(row[0])[0]: row[2] for row in rows(section(title))}
    known = activity.schema()["$defs"][type_.__name__]
    required = known.get("required", [])
    assert written == {name: "yes" if name in required else "no" for name in known["properties"]}


def test_the_fields_of_a_presence_are_those_of_the_code() -> None:
    table = {names(row[0])[0]: row[2] for row in rows(section("Workers"))}
    assert set(table) == keys(Presence)
    assert set(names(table["builds"])) == keys(RunningBuild)


def test_the_kinds_are_those_of_the_code() -> None:
    table = {names(row[0])[0]: row for row in rows(section("Topics and kinds"))}
    assert list(table) == list(KINDS)
    for kind, (_, _, types, qos, _) in table.items():
        assert (qos, tuple(names(types))) == (str(KINDS[kind].qos), KINDS[kind].types)
        for type_ in names(types):
            state = structs.replace(BUILD, status="failed" if kind == "status" else "running")
            by = Actor(type="Person", name="ada")
            assert Activity.about(state, type_, by, NOW).kind == kind


def test_the_statuses_are_those_of_the_code() -> None:
    status = next(row for row in rows(section("object")) if row[0] == "`status`")
    assert set(names(status[-1])) == {"queued", "running"} | activity.ENDINGS


def test_every_filter_may_be_watched_or_is_of_workers() -> None:
    for row in rows(section("Subscribing")):
        (filter_,) = names(row[0])
        if filter_.startswith("workers/"):
            assert Filter.parse(filter_).matches("workers/w1/status")
        else:
            watchable(filter_)


def test_every_problem_of_the_gateway_is_explained_and_no_other() -> None:
    source = "".join(path.read_text() for path in (ROOT / "gateway").rglob("*.py"))
    answered = set(re.findall(r'Problem\(\s*[\w.]+,\s*"([a-z-]+)"', source))
    table = {names(row[0])[0]: int(row[1]) for row in rows(section("Errors"))}
    assert set(table) == answered
    assert set(table.values()) <= {status.value for status in HTTPStatus}


def test_the_limits_are_those_of_the_code() -> None:
    limits = dict(rows(section("Limits")))
    longest = Topic("a" * 64, "b" * 64, max(KINDS, key=len))
    assert limits["a build topic"] == f"{len(str(longest))} bytes"
    assert limits["an activity"] == f"{activity.MAX_BYTES // 1024} KiB"
    assert limits["`content` of a `log`"] == f"{activity.MAX_LOG_BYTES // 1024} KiB"
    assert limits["`object.error`"] == f"{activity.MAX_ERROR_BYTES // 1024} KiB"
    assert limits["a worker's presence"] == f"{presence.MAX_BYTES // 1024} KiB"
    assert limits["arrays and objects inside each other, in any JSON"] == (
        f"{documents.MAX_DEPTH} levels"
    )
    assert limits["an HTTP body"] == f"{requests.MAX_BODY_BYTES // 1024} KiB"


def test_the_stream_keeps_as_much_as_is_said() -> None:
    days, size = STREAM_ARGUMENTS["x-max-age"], STREAM_ARGUMENTS["x-max-length-bytes"]
    said = f"for {days.removesuffix('D')} days, or the newest {size // 2**30} GiB of it"
    assert said in section("The stream")
    assert f"`{STREAM}`" in section("The stream")


def test_the_worked_example_of_the_order_is_what_the_board_does() -> None:
    board = Board()
    for kind, attempt, seq, status, progress, picture in rows(
        section("Order: which activity counts")
    ):
        state = structs.replace(
            BUILD,
            attempt=int(attempt),
            seq=int(seq),
            status=names(status)[0],
            progress=int(progress),
        )
        types = {"start": "Offer", "progress": "Update"}
        type_ = types.get(names(kind)[0], "Accept" if state.status == "running" else "Update")
        known, _ = board.fold(Activity.about(state, type_, activity.worker_actor("w"), NOW))
        shown = known.newest.object
        assert picture.partition(":")[0] == f"`{shown.status}` {shown.progress} %"


# --- the examples

BUILD = command.unknown("acme", "01a1")
START = command.start("acme", "01a1", NOW, by="ada", script=Script(), priority="normal")
BODY = build_body(BuildState(START), "start", ahead=0, lost=False)
BROKER = SimpleNamespace(alive=True, lag=0.001)
KNOWN = {"takes_commands": lambda: True, "history_up": lambda: True}
FEED = Feed(BROKER, Live(print, lambda: 0.0), print, **KNOWN).body()

EXAMPLES = re.findall(r"(?:<!-- (.*?) -->\n)?```json\n(.*?)```", TEXT, re.DOTALL)


def has_keys(*wanted: str) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        assert set(value) == set(wanted)

    return check


def filters_may_be_watched(value: Any) -> None:
    for filter_ in value:
        watchable(filter_)


def is_operations(value: Any) -> None:
    now = msgspec.convert(value, OperationsAnswer)
    assert set(value) == keys(OperationsAnswer)
    assert [set(each) for each in value["workers"]] == [keys(CrewAnswer)] * len(now.workers)
    assert [set(each) for each in value["processes"]] == [keys(Process)] * len(now.processes)
    assert f"the first {NAMED} that you may read" in section("Operators").replace("\n", " ")


def are_dead(value: Any) -> None:
    dead = msgspec.convert(value, DeadLettersAnswer)
    assert set(value) == keys(DeadLettersAnswer)
    assert [set(each) for each in value["letters"]] == [keys(DeadLetterAnswer)] * len(dead.letters)
    assert f"{MOST_LETTERS} at most" in section("Operators").replace("\n", " ")


def is_overview(value: Any) -> None:
    assert set(value) == keys(Overview) | {"dead"}
    assert set(value["queued"]) == set(get_args(activity.Priority))
    for worker in value["workers"]:
        assert set(worker) == keys(WorkerLoad)


def is_a_request_for_a_page(value: Any) -> None:
    filters, options = value
    filters_may_be_watched(filters)
    has_keys("after")(options)
    Cursor.parse(options["after"])


def is_a_page_before_others(value: Any) -> None:
    has_keys("watching", "builds", "more", "after")(value)
    assert str(Cursor.parse(value["after"])) == value["after"]


def is_phone(value: Any) -> None:
    assert set(value) == keys(PhoneAnswer)
    for address in value["addresses"]:
        assert set(address) == keys(AddressAnswer)
        assert address == shown(BrokerAddress.parse(address["url"]))
    assert f"are {MOST_TOPICS} filters at most" in section("Phones").replace("\n", " ")


def is_jobs(value: Any) -> None:
    msgspec.convert(value, JobsAnswer, strict=True)
    assert set(value) == keys(JobsAnswer)
    assert f"most {MOST} jobs are named" in section("Start").replace("\n", " ")


def are_projects(value: Any) -> None:
    (project,) = value["projects"]
    assert set(value) == keys(ProjectsAnswer)
    assert set(project) == keys(ProjectAnswer)
    assert [set(job) for job in project["jobs"]] == [keys(JobAnswer)]


def are_errors(value: Any) -> None:
    page = msgspec.convert(value, ErrorsAnswer)
    assert set(value) == keys(ErrorsAnswer)
    assert [set(each) for each in value["errors"]] == [keys(ErrorAnswer)] * len(page.errors)


CHECKS: dict[str, Callable[[Any], None]] = {
    "watch request": filters_may_be_watched,
    "watch answer": has_keys("watching", "builds", "more"),
    "watch page": is_a_page_before_others,
    "watch next": is_a_request_for_a_page,
    "watch refused": lambda value: has_keys("code", "message")(value["error"]),
    "event build": has_keys(*BODY),
    "event log": has_keys(*keys(LogEvent)),
    "event feed": has_keys(*FEED),
    "http list": has_keys("builds", "next"),
    "http errors": are_errors,
    "http projects": are_projects,
    "http activities": has_keys(*collection.page("", 1, 0, [(1, b"")] * 101)),
    "http overview": is_overview,
    "http operations": is_operations,
    "http dead": are_dead,
    "http jobs": is_jobs,
    "http phone": is_phone,
    "http problem": has_keys("type", "title", "status", "detail"),
}


@pytest.mark.parametrize(("label", "text"), EXAMPLES, ids=[label for label, _ in EXAMPLES])
def test_an_example_is_what_its_label_says(label: str, text: str) -> None:
    what, _, topic = label.partition(" ")
    if what == "activity":
        example = activity.decode(topic, text.encode())
        assert decodes_only_known_keys(example, json.loads(text))
    elif what == "presence":
        assert set(json.loads(text)) == keys(type(presence.decode(topic, text.encode())))
    else:
        CHECKS[label](json.loads(text))


def decodes_only_known_keys(example: Activity, document: dict[str, Any]) -> bool:
    """Whether nothing in `document` was ignored as unknown."""
    known = json.loads(activity.encode(example))
    return document.keys() <= known.keys() and document["object"].keys() <= known["object"].keys()


def test_there_is_an_example_of_everything() -> None:
    labels = [label for label, _ in EXAMPLES]
    kinds = {label.rpartition("/")[2] for label in labels if label.startswith("activity ")}
    assert kinds == set(KINDS) - {"log"}
    assert set(CHECKS) < set(labels)


def test_every_field_of_an_event_is_explained() -> None:
    beyond = {name for row in rows(section("`build`")) for name in names(row[0])}
    same = {name for name in BODY if name in keys(Build)}
    assert beyond | same | {"published"} == set(BODY)
    assert {names(row[0])[0] for row in rows(section("`feed`"))} == set(FEED)


def test_the_bodies_of_the_curl_commands_are_accepted() -> None:
    for title, type_ in (("Start", StartRequest), ("Stop", StopRequest)):
        example = re.search(r"```sh\n(.*?)```", section(title), re.DOTALL)
        assert example
        words = shlex.split(example[1])
        body = requests.body(words[words.index("-d") + 1].encode(), type_)
        explained = set(names(section(title).partition(example[0])[2])) | {"by"}
        assert keys(type_) <= explained
        assert body != type_()


def test_every_endpoint_is_described() -> None:
    events = SseTransport(*[None] * 3, backlog_bytes=0, frame_seconds=0, stuck_seconds=0)
    apis = [
        Api(*[None] * 5, links=None),
        Badges(None, None),
        Logs(*[None] * 3),
        Errors(None),
        ProjectList(None, None),
        Health(None),
        events,
        Operations(*[None] * 4),
        DeadLetterRoutes(*[None] * 2),
        Sessions(*[None] * 2),
        Jobs(None),
        Phone(*[None] * 2),
        OidcSignIn(*[None] * 4),
        OpenApi([], ""),
        Description(ASYNCAPI, "", dict),
    ]
    for route in [route for api in apis for route in api.routes()]:
        path = (
            route.path.replace("{project}", "acme")
            .replace("{build}", "01a1")
            .replace("{secret}", "…")
        )
        assert re.search(rf"{path}(?![/\w])", section("HTTP")), path


def test_links_within_the_page_lead_somewhere() -> None:
    titles = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
    for path in re.findall(r"\]\((?!#|https:)([^)]+)\)", TEXT):
        assert (ROOT / path.partition("#")[0]).exists(), path
