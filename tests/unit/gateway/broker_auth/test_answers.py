"""The answers to RabbitMQ's questions."""

import logging

import pytest

from buildfeed.grants import Grants
from buildfeed.history.tokens import Tokens
from gateway.access.directory import Directory
from gateway.broker_auth.answers import MAX_CONNECTIONS, MAX_KEPT, MAX_SESSIONS, Answers
from gateway.broker_auth.management import Binding, ManagementUnavailable, Queue
from gateway.broker_auth.questions import Question
from gateway.broker_auth.token_names import TokenNames
from support.management import SaidManagement

GRANTS = Grants.parse(["runner@acme"])


@pytest.fixture
def secret(tokens: Tokens) -> str:
    return tokens.add("ada", GRANTS)[1]


@pytest.fixture
def answers(token_names: TokenNames, management: SaidManagement, directory: Directory) -> Answers:
    return Answers(token_names, management, directory.audit, "/")


def login(secret: str, client_id: str | None = None, user: str = "ada") -> Question:
    return Question(subject="user", user=user, password=secret, client_id=client_id)


def queue(client_id: str) -> str:
    return f"mqtt-subscription-{client_id}qos1"


def making(client_id: str) -> Question:
    """The question whether an MQTT client may make its session."""
    return Question(
        subject="resource",
        user="ada",
        vhost="/",
        kind="queue",
        name=queue(client_id),
        permission="configure",
        client_id=client_id,
    )


def topic(permission: str, key: str) -> Question:
    return Question(
        subject="topic",
        user="ada",
        vhost="/",
        kind="topic",
        name="amq.topic",
        permission=permission,
        key=key,
        client_id="ada",
    )


async def test_one_logs_in_by_amqp_and_with_ones_own_client_ids_by_mqtt(
    answers: Answers, secret: str
) -> None:
    for client_id in (None, "ada", "ada:phone"):
        assert await answers.answer(login(secret, client_id))
    for client_id in ("", "bob", "ada-phone", "recorder"):
        assert not await answers.answer(login(secret, client_id))
    assert not await answers.answer(login("wrong"))
    assert answers.allowed == 3
    assert answers.refused == {"client-id": 4, "login": 1}


async def test_a_token_called_like_a_user_of_rabbitmq_does_not_log_in(
    answers: Answers, management: SaidManagement, secret: str
) -> None:
    management.own_users = {"ada"}  # its connections could not be told from the token's
    assert not await answers.answer(login(secret))
    assert answers.refused == {"name": 1}


async def test_a_token_has_five_connections(
    answers: Answers, management: SaidManagement, secret: str
) -> None:
    management.connect("bob", 20)
    management.connect("ada", MAX_CONNECTIONS - 1)
    assert await answers.answer(login(secret))
    management.connect("ada")
    assert not await answers.answer(login(secret))
    assert answers.refused == {"connections": 1}


COVERED = "builds.acme.#", "builds.acme.*.status", "projects.acme.latest"
WIDER = "builds.#", "builds.shop.b1.log", "builds/acme.#"


@pytest.mark.parametrize("key", [*COVERED, *WIDER])
async def test_whoever_logs_in_has_nothing_of_a_token_that_could_read_more(
    answers: Answers, management: SaidManagement, secret: str, key: str
) -> None:
    own, others = [queue("ada"), queue("ada:phone"), "ada:reports"], ["adam:reports", "builds"]
    management.there = list(map(Queue, [*own, *others]))
    for name in own:
        keys = "builds.acme.b1.*", key
        management.bound[name] = [Binding("", name), *(Binding("amq.topic", k) for k in keys)]
    management.bound["adam:reports"] = [Binding("amq.topic", "builds.#")]
    assert await answers.answer(login(secret))
    left = [each.name for each in management.there]
    assert left == [*(own if key in COVERED else []), *others]


async def test_nobody_comes_in_while_it_cannot_be_counted(
    answers: Answers, management: SaidManagement, secret: str
) -> None:
    management.away = True
    with pytest.raises(ManagementUnavailable):
        await answers.answer(login(secret))
    assert await answers.answer(topic("read", "builds.acme.#"))


async def test_a_token_keeps_three_sessions(
    answers: Answers, management: SaidManagement, secret: str
) -> None:
    kept = [f"ada:{n}" for n in range(MAX_KEPT)]
    management.there = [Queue(queue(each)) for each in kept]
    management.there += [Queue(queue("bob:1")), Queue("builds"), Queue(queue("adam"))]
    assert not await answers.answer(making("ada:more"))
    assert answers.refused == {"sessions": 1}
    assert await answers.answer(making(kept[0]))  # it is there
    management.there.pop(0)
    assert await answers.answer(making("ada:more"))


async def test_a_queue_of_amqp_is_a_session_too(
    answers: Answers, management: SaidManagement, secret: str
) -> None:
    management.there = [Queue(f"ada:{n}") for n in range(MAX_KEPT)]
    asked = Question(
        subject="resource",
        user="ada",
        vhost="/",
        kind="queue",
        name="ada:more",
        permission="configure",
    )
    assert not await answers.answer(asked)


async def test_sessions_that_end_with_their_connections_have_room_too(
    answers: Answers, management: SaidManagement, secret: str
) -> None:
    management.there = [Queue(queue(f"ada:{n}"), auto_delete=True) for n in range(MAX_SESSIONS - 1)]
    assert await answers.answer(making("ada:more"))
    management.there.append(Queue(queue("ada:more"), auto_delete=True))
    assert not await answers.answer(making("ada:another"))


async def test_sessions_made_at_once_are_counted(
    answers: Answers, management: SaidManagement, secret: str
) -> None:
    allowed = [await answers.answer(making(f"ada:{n}")) for n in range(MAX_SESSIONS + 3)]
    assert sum(allowed) == MAX_SESSIONS


async def test_one_reads_and_publishes_what_is_granted(answers: Answers, secret: str) -> None:
    assert await answers.answer(topic("read", "builds.acme.*.status"))
    assert not await answers.answer(topic("read", "builds.*.*.status"))
    assert await answers.answer(topic("write", "builds.acme.b1.status"))
    assert not await answers.answer(topic("write", "builds.other.b1.status"))
    assert answers.refused == {"grants": 2}


async def test_after_a_revocation_nothing_is_allowed(
    answers: Answers, tokens: Tokens, directory: Directory, secret: str
) -> None:
    assert await answers.answer(login(secret))
    tokens.revoke("ada")
    await directory.look()
    assert not await answers.answer(login(secret))
    assert not await answers.answer(topic("read", "builds.acme.*.status"))
    assert not await answers.answer(making("ada"))


async def test_refusals_are_logged_without_what_may_be_a_secret(
    answers: Answers, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for n in range(50):
        assert not await answers.answer(login("ada", user=secret))  # the wrong way round
        assert not await answers.answer(login(f"wrong-{n}"))
        assert not await answers.answer(topic("read", "#"))
    refused = [vars(each) for each in caplog.records if each.getMessage() == "broker_auth.refused"]
    assert [(each["user"], each["reason"]) for each in refused] == [
        ("", "login"),
        ("ada", "grants"),
    ]
    assert not any(
        secret in str(vars(each)) or "wrong-" in str(vars(each)) for each in caplog.records
    )


async def test_logins_are_in_the_audit(answers: Answers, directory: Directory, secret: str) -> None:
    assert await answers.answer(login(secret))
    assert await answers.answer(login(secret, "ada:phone"))
    assert not await answers.answer(login(secret, "bob"))
    assert not await answers.answer(login("wrong", user="ada"))
    noted = [deed for deed, _ in directory.audit._waiting]
    assert [(each.principal, each.action, each.subject, each.outcome) for each in noted] == [
        ("ada", "login", "amqp", "accepted"),
        ("ada", "login", "mqtt", "accepted"),
        ("ada", "login", "mqtt", "client-id"),
        ("anonymous", "login", "amqp", "not-signed-in: unknown"),
    ]
