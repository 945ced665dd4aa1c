"""RabbitMQ's questions, and what grants say to them."""

import random
import re
from itertools import product
from urllib.parse import quote_plus

import pytest

from buildfeed.grants import EVERYTHING, Grants
from gateway.broker_auth.questions import (
    STREAM,
    SUBJECTS,
    InvalidQuestion,
    Question,
    allows,
    pattern_of,
    session_of,
)

READER = Grants.parse(["viewer@acme"])
RUNNER = Grants.parse(["runner@acme"])
ALL = Grants.parse(["viewer@*"])
PROJECTS, BUILDS = ("acme", "other"), ("b1", "b2")
KINDS = "start", "stop", "status", "progress", "error", "log"
WORLD = [
    *(".".join(("builds", *levels)) for levels in product(PROJECTS, BUILDS, KINDS)),
    *(f"projects.{project}.latest" for project in PROJECTS),
    *("workers.ada.status", "workers.bob.status", "gateways.1.probe", "recorders.r.status"),
]
"""Every topic that there is, as a routing key."""


def form(**fields: str) -> bytes:
    return "&".join(f"{key}={quote_plus(value)}" for key, value in fields.items()).encode()


def resource(kind: str, name: str, permission: str, client_id: str | None = None) -> Question:
    return Question(
        subject="resource",
        user="ada",
        vhost="/",
        kind=kind,
        name=name,
        permission=permission,
        client_id=client_id,
    )


def topic(permission: str, key: str, client_id: str | None = "ada", user: str = "ada") -> Question:
    return Question(
        subject="topic",
        user=user,
        vhost="/",
        kind="topic",
        name="amq.topic",
        permission=permission,
        key=key,
        client_id=client_id,
    )


def matches(pattern: list[str], key: list[str]) -> bool:
    """Tell whether a binding key matches a routing key, as RabbitMQ's topic exchange does."""
    if not pattern:
        return not key
    if pattern[0] == "#":
        return any(matches(pattern[1:], key[i:]) for i in range(len(key) + 1))
    return bool(key) and pattern[0] in ("*", key[0]) and matches(pattern[1:], key[1:])


# What is asked.


def test_a_login_has_a_name_a_password_and_by_mqtt_a_client_id() -> None:
    asked = Question.parse("user", form(username="ada", password="a&b=c+d ä", client_id="ada:x"))
    assert (asked.user, asked.password, asked.client_id) == ("ada", "a&b=c+d ä", "ada:x")
    assert Question.parse("user", form(username="ada", password="x")).client_id is None


def test_the_client_id_is_also_found_in_questions_about_topics() -> None:
    fields = {"username": "ada", "vhost": "/", "variable_map.client_id": "ada:x"}
    assert Question.parse("topic", form(**fields)).client_id == "ada:x"


@pytest.mark.parametrize(
    "body",
    [
        b"username=ada&username=bob",
        b"username=%ff",
        "username=ä".encode(),
        b"username=" + b"a" * 1025,
        b"&".join(b"a%d=1" % n for n in range(40)),
    ],
    ids=["two names", "no UTF-8", "no ASCII", "long", "many"],
)
def test_what_is_no_form_is_no_question(body: bytes) -> None:
    with pytest.raises(InvalidQuestion):
        Question.parse("user", body)


def test_there_are_four_questions() -> None:
    for subject in SUBJECTS:
        assert Question.parse(subject, b"").subject == subject
    with pytest.raises(InvalidQuestion):
        Question.parse("metrics", b"")


# What is allowed.


def test_one_enters_the_virtual_host_of_the_builds_alone() -> None:
    for vhost in ("/", "other", ""):
        asked = Question(subject="vhost", user="ada", vhost=vhost)
        assert allows(asked, READER, "/") is (vhost == "/")
        assert not allows(Question(subject="topic", user="ada", vhost=vhost), READER, "builds")


def test_a_login_is_nothing_that_grants_allow() -> None:
    assert not allows(Question(subject="user", user="ada", vhost="/"), EVERYTHING, "/")


@pytest.mark.parametrize("permission", ["configure", "read", "write", ""])
@pytest.mark.parametrize("client_id", [None, "ada"])
@pytest.mark.parametrize("grants", [READER, RUNNER, ALL, EVERYTHING, Grants()], ids=str)
def test_of_exchanges_one_uses_that_of_the_topics(
    permission: str, client_id: str | None, grants: Grants
) -> None:
    may = {
        "read": bool(grants.areas("read")),
        # By AMQP one would publish anything, as the dead letters of a queue.
        "write": client_id is not None and bool(grants.areas("publish")),
    }
    asked = resource("exchange", "amq.topic", permission, client_id)
    assert allows(asked, grants, "/") is may.get(permission, False)
    for other in ("", "amq.default", "amq.direct", "builds.start", "builds.start.normal", "mine"):
        assert not allows(resource("exchange", other, permission, client_id), grants, "/")


@pytest.mark.parametrize("permission", ["configure", "read", "write"])
def test_an_mqtt_client_uses_the_queues_of_its_own_client_id(permission: str) -> None:
    ids = ["ada", "ada:phone", "ada:", "ada2", "adam:x", "bob", "bob:ada", "recorder", "gateway-1"]
    for client_id, queue_of, end in product(ids, ids, ("qos0", "qos1", "qos2", "")):
        name = f"mqtt-subscription-{queue_of}{end}"
        own = client_id == queue_of and client_id in ("ada", "ada:phone", "ada:")
        asked = resource("queue", name, permission, client_id)
        assert allows(asked, ALL, "/") is (own and end in ("qos0", "qos1")), (client_id, name)
        assert not allows(resource("queue", name, permission), ALL, "/")  # by AMQP
    assert not allows(resource("queue", "ada:mine", permission, "ada"), ALL, "/")
    assert not allows(resource("queue", "mqtt-will-ada", permission, "ada"), ALL, "/")


def test_whoever_is_called_like_a_service_has_sessions_of_his_own_only() -> None:
    for name in ("recorder", "recorder-2", "gateway-0123abcd", "worker"):
        asked = Question(
            subject="resource",
            user=name,
            vhost="/",
            kind="queue",
            name=f"mqtt-subscription-{name}qos1",
            permission="configure",
            client_id=name,
        )
        assert not allows(asked, ALL, "/")


@pytest.mark.parametrize("permission", ["configure", "read", "write"])
def test_by_amqp_one_has_queues_that_begin_with_ones_name(permission: str) -> None:
    for name in ("ada:reports", "ada:", "ada:mqtt-subscription-bobqos1"):
        assert allows(resource("queue", name, permission), READER, "/")
    others = "ada", "adam:x", "bob:x", "builds", "builds.high", "builds.dead", "amq.gen-x", "", ":"
    for name in others:
        assert not allows(resource("queue", name, permission), EVERYTHING, "/")
    named_so = Question(
        subject="resource",
        user="builds",
        vhost="/",
        kind="queue",
        name="builds",
        permission=permission,
    )
    assert not allows(named_so, EVERYTHING, "/")


@pytest.mark.parametrize("permission", ["configure", "read", "write"])
@pytest.mark.parametrize(
    ("grants", "may"),
    [(READER, False), (Grants.parse(["read:builds/+/+/status"]), False), (ALL, True)],
    ids=["one project", "one kind", "everything"],
)
def test_the_stream_is_for_those_who_may_read_everything(
    permission: str, grants: Grants, *, may: bool
) -> None:
    assert allows(resource("queue", STREAM, permission), grants, "/") is (
        may and permission == "read"
    )
    assert not allows(resource("queue", STREAM, permission, "ada"), grants, "/")


def test_other_kinds_of_resources_and_exchanges_are_refused() -> None:
    assert not allows(resource("topic", "amq.topic", "read"), EVERYTHING, "/")
    assert not allows(resource("", "", ""), EVERYTHING, "/")
    elsewhere = Question(
        subject="topic",
        user="ada",
        vhost="/",
        kind="topic",
        name="other",
        permission="read",
        key="builds.acme.#",
    )
    assert not allows(elsewhere, EVERYTHING, "/")


@pytest.mark.parametrize(
    "key",
    [
        *("builds/acme.#", "builds.acme/#", "builds.+.b1.status", "builds.acme.+.status", "+.#"),
        *("builds.acme.#.status", "#.status", "#", "*.#", "builds.#.#", "", ".", "builds..#"),
        *("builds.acme\0.#", "builds.ac*.#", "builds.Acme.#", "workers.*.status", "projects.#"),
    ],
)
def test_a_key_that_no_filter_of_ours_makes_is_refused(key: str) -> None:
    assert not allows(topic("read", key), EVERYTHING, "/")
    assert not allows(topic("read", key, None), EVERYTHING, "/")


def test_one_subscribes_to_nothing_that_one_may_not_read() -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    allowed = 0
    for _ in range(3000):
        grants = Grants.parse(a_read_grant(chance) for _ in range(chance.randint(0, 3)))
        key = a_key(chance)
        matched = [each for each in WORLD if matches(key.split("."), each.split("."))]
        if allows(topic("read", key, chance.choice([None, "ada"])), grants, "/"):
            allowed += 1
            for each in matched:
                assert readable(grants, each), f"seed {seed}: {key} reads {each} by {grants}"
        elif key in WORLD and readable(grants, key):
            raise AssertionError(f"seed {seed}: {key} is refused, with {grants}")
    assert allowed > 200, f"seed {seed}"


ODD = "builds", "acme", "b1", "status", "latest", "*", "#", ""


def a_key(chance: random.Random) -> str:
    """Return a topic, or one with wildcards, of which a third are odd in some level."""
    key = chance.choice(WORLD).split(".")
    for place in range(1, len(key)):
        if chance.random() < 0.4:
            key[place] = "*"
    if chance.random() < 0.3:
        key[chance.randrange(len(key)) :] = ["#"]
    if chance.random() < 0.3:
        key[chance.randrange(len(key))] = chance.choice(ODD)
    return ".".join(key)


def a_read_grant(chance: random.Random) -> str:
    levels = [chance.choice(("+", "+", chance.choice(each))) for each in (PROJECTS, BUILDS, KINDS)]
    return f"read:builds/{'/'.join(levels)}"


def readable(grants: Grants, key: str) -> bool:
    """Tell whether one may read a topic, told without the code that is tested."""
    root, *levels = key.split(".")
    if root == "projects":
        levels = [levels[0], "+", "status"]
    elif root != "builds":
        return False
    for grant in grants:
        granted = str(grant).removeprefix("read:").split("/")[1:]
        granted = [*granted, "+", "+", "+"][:3] if "#" not in granted else wide(granted)
        if all(have in ("+", want) for have, want in zip(granted, levels, strict=True)):
            return True
    return False


def wide(levels: list[str]) -> list[str]:
    return [*levels[: levels.index("#")], "+", "+", "+"][:3]


def test_one_publishes_ones_own_kinds_in_the_projects_that_are_granted_by_mqtt() -> None:
    for project, build, kind in product((*PROJECTS, "*", "#"), ("b1", "*"), (*KINDS, "#")):
        key = f"builds.{project}.{build}.{kind}"
        own = project == "acme" and build == "b1" and kind not in ("start", "stop", "#")
        assert allows(topic("write", key), RUNNER, "/") is own
        assert not allows(topic("write", key, None), RUNNER, "/")
        assert not allows(topic("write", key), READER, "/")
    for worker in ("ada", "ada-1", "adam", "bob", "ada.1"):
        key = f"workers.{worker}.status"
        assert allows(topic("write", key), RUNNER, "/") is (worker in ("ada", "ada-1"))
    for key in ("projects.acme.latest", "gateways.1.probe", "workers.ada.hello", "builds.acme.b1"):
        assert not allows(topic("write", key), EVERYTHING, "/")
    assert not allows(topic("configure", "builds.acme.b1.status"), EVERYTHING, "/")


# Sessions.


def test_a_session_is_made_by_configuring_its_queue() -> None:
    queue = "mqtt-subscription-ada:phoneqos1"
    assert resource("queue", queue, "configure", "ada:phone").makes_session
    assert resource("queue", "ada:reports", "configure").makes_session
    assert not resource("queue", queue, "write", "ada:phone").makes_session
    assert not resource("queue", queue, "configure", "ada").makes_session
    assert not resource("exchange", "ada:x", "configure").makes_session


def test_sessions_are_found_by_the_names_of_their_queues() -> None:
    assert session_of("mqtt-subscription-ada:phoneqos1") == "ada:phone"
    assert session_of("mqtt-subscription-adaqos0") == "ada"
    assert session_of("ada:reports") == "ada:reports"
    pattern = re.compile(pattern_of("ada"))
    for own in ("mqtt-subscription-adaqos1", "mqtt-subscription-ada:xqos0", "ada:reports"):
        assert pattern.search(own)
    for other in ("mqtt-subscription-adamqos1", "mqtt-subscription-ada-1qos1", "adam:x", "builds"):
        assert not pattern.search(other)
