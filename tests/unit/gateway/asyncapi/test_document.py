"""The AsyncAPI document describes topics and events, by the vocabulary and the types."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from buildfeed.activity import encode
from buildfeed.board import BuildState
from buildfeed.broker.local.listener import WEB_SOCKET_PATH, WEB_SOCKET_PORT
from buildfeed.grants import Grants
from buildfeed.presence import Presence
from buildfeed.presence import encode as encode_presence
from buildfeed.topics import KINDS, Topic, latest, worker_status
from gateway.access.directory import Directory
from gateway.access.principal import not_signed_in, other_principal
from gateway.asyncapi import events
from gateway.asyncapi.document import document as described
from gateway.asyncapi.examples import examples
from gateway.state import event_bodies
from gateway.transports.socket_io import EVENTS
from gateway.transports.subscriptions import refusal
from support.described import AsyncApi, wrong
from support.held_tokens import Held
from support.packages import ROOT
from support.samples import ALL, LOG, PROGRESS, REAL_ERROR
from support.samples import document as sample
from support.watchers import Watcher
from support.wired import Site

MQTT = "mqtt"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(msgspec.json.encode(described("/ci")))


@pytest.fixture(scope="module")
def api(document: dict[str, Any]) -> AsyncApi:
    return AsyncApi(document)


def references(value: Any) -> Iterator[dict[str, Any]]:
    """The objects that have a reference, wherever they are."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def keys(type_: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(type_)}


def test_every_reference_leads_somewhere_and_has_no_neighbours(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert len(found) > 100
    for each in found:
        assert list(each) == ["$ref"]  # draft 07 would ignore them
        place = document
        for step in each["$ref"].removeprefix("#/").split("/"):
            place = place[step]


def test_its_schemas_are_schemas_of_both_drafts(document: dict[str, Any]) -> None:
    components = document["components"]
    payloads = [each["payload"] for each in components["messages"].values()]
    for schema in [*components["schemas"].values(), *payloads]:
        Draft7Validator.check_schema(schema)
        Draft202012Validator.check_schema(schema)
        assert "prefixItems" not in json.dumps(schema)


def test_a_channel_defines_each_parameter_of_its_address(document: dict[str, Any]) -> None:
    for channel in document["channels"].values():
        wanted = set(re.findall(r"\{(\w+)\}", channel["address"]))
        assert set(channel.get("parameters", {})) == wanted


def test_an_operation_has_messages_of_its_channel(document: dict[str, Any]) -> None:
    for operation in document["operations"].values():
        told = [*operation["messages"], *operation.get("reply", {}).get("messages", ())]
        channel = operation["channel"]["$ref"]
        assert {each["$ref"].rpartition("/messages/")[0] for each in told} == {channel}


def test_no_server_has_a_host_of_ours(document: dict[str, Any]) -> None:
    for server in document["servers"].values():
        assert server["host"] == "{host}:{port}"
        assert set(server["variables"]) == {"host", "port"}


def test_no_path_of_a_server_and_an_address_has_two_slashes(document: dict[str, Any]) -> None:
    bare = described("")
    for each, root in ((document, "/ci"), (bare, "")):
        paths = {id_: server.get("pathname", "") for id_, server in each["servers"].items()}
        assert (paths["http"], paths["https"]) == (root, root)
        joined = {
            f"{paths[server['$ref'].rpartition('/')[2]]}{channel['address']}"
            for id_, channel in each["channels"].items()
            if id_ in ("sockets", "events")
            for server in channel["servers"]
        }
        assert joined == {f"{root}/socket.io/", f"{root}/api/events"}
    assert "pathname" not in bare["servers"]["http"]


def test_the_broker_is_there_in_a_web_socket_too(document: dict[str, Any]) -> None:
    assert "`mqtt`" in document["servers"]["mqttWs"]["description"]
    for id_, protocol in (("mqttWs", "ws"), ("mqttWss", "wss")):
        server = document["servers"][id_]
        assert server["protocol"] == protocol
        assert server["pathname"] == WEB_SOCKET_PATH
        assert server["variables"]["port"]["default"] == str(WEB_SOCKET_PORT)
        channels = document["channels"].values()
        by = [{"$ref": f"#/servers/{id_}"} in each["servers"] for each in channels]
        assert sum(by) == sum({"$ref": "#/servers/mqtt"} in each["servers"] for each in channels)


def test_a_server_of_the_gateway_says_which_credentials_it_takes(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes["session"]["name"] == "__Host-buildfeed"
    assert schemes["sessionOnLoopback"]["name"] == "buildfeed"
    wanted = {
        "http": ["token", "sessionOnLoopback"],
        "https": ["token", "session"],
        "socketIo": ["tokenOfConnect", "token", "session", "sessionOnLoopback"],
    }
    for id_, names in wanted.items():
        server = document["servers"][id_]
        assert [each["$ref"].rpartition("/")[2] for each in server["security"]] == names
        assert "Without a credential" in server["description"]


def test_every_topic_is_a_channel_with_its_qos(api: AsyncApi) -> None:
    topics = {str(Topic("acme", "01a1", kind.name)): (kind.qos, False) for kind in KINDS.values()}
    topics |= {worker_status("w1"): (1, True), latest("acme"): (1, True)}
    found = {}
    for topic in topics:
        for operation in api.operations(api.channel(topic)):
            binding = operation["bindings"]["mqtt"]
            found[topic] = binding["qos"], binding["retain"]
    assert found == topics
    assert len(dict(api.channels(MQTT))) == len(topics)


def test_a_higher_qos_is_said_to_come_where_it_does(api: AsyncApi) -> None:
    """`buildfeed run` publishes all by QoS 1, which is that of all kinds but one."""
    said = {
        (action, id_)
        for id_, _ in api.channels(MQTT)
        for action in ("send", "receive")
        for operation in api.operations(id_, action)
        if "by this qos or a higher one" in operation["summary"].lower()
    }
    kinds = "buildStatus", "buildProgress", "buildError", "buildLog"
    sent = {("send", "buildProgress")}
    assert said == sent | {("receive", id_) for id_ in kinds}


def test_what_people_may_publish_is_received(api: AsyncApi) -> None:
    received = {id_ for id_, _ in api.channels(MQTT) if api.operations(id_, "receive")}
    kinds = {"buildStatus", "buildProgress", "buildError", "buildLog"}
    assert received == kinds | {"workerPresence"}


def test_every_topic_is_on_the_exchange_too(api: AsyncApi) -> None:
    by_mqtt = {channel["address"].replace("/", ".") for _, channel in api.channels(MQTT)}
    by_amqp = {id_: channel for id_, channel in api.channels("amqp") if id_ != "stream"}
    assert {channel["address"] for channel in by_amqp.values()} == by_mqtt
    for channel in by_amqp.values():
        assert channel["bindings"]["amqp"]["exchange"]["name"] == "amq.topic"
    stream = dict(api.channels("amqp"))["stream"]
    assert stream["bindings"]["amqp"]["queue"]["name"] == stream["address"] == "builds.stream"
    assert set(stream["messages"]) == set(KINDS)


def test_every_event_of_a_watcher_is_received_and_answered(api: AsyncApi) -> None:
    sockets = api.operations("sockets", "receive")
    messages = api.document["components"]["messages"]
    ids = [each["messages"][0]["$ref"].rpartition("/")[2] for each in sockets]
    assert {messages[id_]["name"] for id_ in ids} == {*EVENTS, "connect"}
    assert all(each["reply"]["messages"] for each in sockets)


async def test_the_answer_to_a_connect_fits(api: AsyncApi, tokens: Held) -> None:
    site = Site(directory=Directory(tokens, Grants()))
    _, secret = tokens.add("ada", Grants.parse(["viewer@acme"]))
    found = []
    for auth in (
        {},
        {"token": "bf_unknown"},
        {"token": secret, "watch": "builds/other/#"},
        {"token": secret, "watch": "no/such/filter"},
    ):
        watcher = Watcher(site, "websocket")
        await watcher.say("40" + json.dumps(auth))
        told = json.loads((await watcher.until("44"))[2:])
        assert api.message("connectRefused", told) == []
        for name, other in wrong(told):
            assert api.message("connectRefused", other), name
        found.append((told["data"]["code"], *sorted(told["data"].keys() - {"code", "message"})))
    unknown = "not-signed-in", "reason"
    assert found == [unknown, unknown, ("not-allowed", "grant"), ("invalid-filter",)]
    assert api.message("connected", await Watcher(site, "websocket").connect(token=secret)) == []


@pytest.mark.parametrize("activity", ALL, ids=lambda each: each.kind)
def test_an_activity_fits_its_kind_and_no_other(api: AsyncApi, activity: Any) -> None:
    told = json.loads(encode(activity))
    assert {kind for kind in KINDS if not api.message(kind, told)} == {activity.kind}


def test_a_wrong_member_is_a_flaw(api: AsyncApi) -> None:
    for kind, activity in (("error", REAL_ERROR), ("progress", PROGRESS), ("log", LOG)):
        for name, other in wrong(sample(activity)):
            assert api.message(kind, other), f"{kind}: {name}"
        assert api.message(kind, sample(activity) | {"colour": "red"})


def test_a_presence_fits(api: AsyncApi) -> None:
    told = json.loads(encode_presence(Presence(worker="w1", status="online")))
    assert api.message("presence", told) == []
    for name, other in wrong(told):
        assert api.message("presence", other), name


def test_the_bodies_of_events_fit(api: AsyncApi) -> None:
    for activity in ALL:
        body = event_bodies.build_body(BuildState(activity), activity.kind, ahead=0, lost=False)
        assert api.message("buildEvent", json.loads(msgspec.json.encode(body))) == []
    log = event_bodies.log_body(LOG)
    assert api.message("logEvent", log) == []
    assert keys(events.LogEvent) == {*log, "offset"}
    for name, other in wrong(log):
        assert api.message("logEvent", other), name


def test_a_text_that_is_no_time_is_a_flaw(api: AsyncApi) -> None:
    renewed = {"name": "ada", "expires": "2026-11-21T10:15:03.218Z"}
    assert api.message("renewed", renewed) == []
    assert api.message("renewed", renewed | {"expires": None}) == []
    for text in ("yesterday", "2026-11-21T10:15:03.218"):  # the second has no offset
        assert api.message("renewed", renewed | {"expires": text})
    (feed,) = api.document["components"]["messages"]["feedEvent"]["examples"]
    assert api.message("feedEvent", feed["payload"] | {"time": "yesterday"})


def test_a_refusal_fits(api: AsyncApi) -> None:
    assert api.message("refused", refusal(not_signed_in("missing"))) == []
    assert api.message("refused", refusal(other_principal())) == []
    assert api.message("refused", {"error": {"code": "not-allowed"}})


def test_the_examples_are_those_of_the_page_and_fit(api: AsyncApi) -> None:
    messages = api.document["components"]["messages"]
    shown = [
        (id_, example["payload"])
        for id_, each in messages.items()
        for example in each.get("examples", ())
    ]
    for id_, payload in shown:
        assert api.message(id_, payload) == [], id_
    begin = ("activity ", "presence ", "event ", "watch ")
    page = {label: value for label, value in examples().items() if label.startswith(begin)}
    assert len(page) > 10
    assert all(any(value == payload for _, payload in shown) for value in page.values())


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The place of a page that takes that of topics.md."""
    path = tmp_path / "topics.md"
    monkeypatch.setattr("gateway.asyncapi.examples._PLACES", (path,))
    examples.cache_clear()
    yield path
    examples.cache_clear()


@pytest.mark.parametrize("label", [None, "event build"])
def test_what_the_page_lacks_is_no_example(page: Path, label: str | None) -> None:
    if label:
        page.write_text(f"<!-- {label} -->\n```json\n{{}}\n```\n")
    messages = described("")["components"]["messages"]
    assert {id_ for id_, each in messages.items() if "examples" in each} == (
        {"buildEvent"} if label else set()
    )


def test_the_page_is_the_one_of_the_checkout() -> None:
    assert len(examples()) == (ROOT / "topics.md").read_text().count("```json")
