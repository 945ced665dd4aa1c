"""The verdicts of `buildfeed doctor` that need nothing but facts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from buildfeed.broker.amqp.topology import SESSION_POLICY
from buildfeed.doctor import (
    certificates,
    clocks,
    configuration,
    examination,
    finding,
    gateway,
    policies,
    roles,
    versions,
)
from buildfeed.doctor.places import Places
from buildfeed.doctor.web import Answer, Site
from buildfeed.topics import KINDS, Topic
from gateway.access.access import Access
from gateway.problems import SECURITY_HEADERS, STRICT_TRANSPORT

NOW = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)


def seconds(number: float) -> datetime:
    return NOW + timedelta(seconds=number)


@pytest.mark.parametrize(
    ("version", "level"),
    [
        *(("3.8.9", "fault"), ("3.9.29", "fault"), ("3.10.8", "warning"), ("3.12.1", "warning")),
        *(("3.13.7", "ok"), ("4.0.5", "warning"), ("4.1.0", "ok"), ("4.3.6", "ok")),
        ("", "warning"),
    ],
)
def test_versions_of_rabbitmq(version: str, level: str) -> None:
    assert versions.verdict(version).level == level


@pytest.mark.parametrize(
    ("theirs", "level"),
    [(0.5, "ok"), (-1.9, "ok"), (-2.5, "warning"), (4, "warning"), (-61, "fault"), (62, "fault")],
)
def test_clocks(theirs: float, level: str) -> None:
    found = clocks.verdict("x", seconds(theirs), seconds(0), seconds(1))
    assert found.level == level
    if level != "ok":
        assert ("behind" if theirs < 0 else "ahead of") in found.meaning


def test_a_slow_answer_says_nothing_against_a_clock() -> None:
    assert clocks.verdict("x", seconds(30), seconds(0), seconds(60)).level == "ok"


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("consumer_timeout = 86400000\n", "ok"),
        ("# consumer_timeout = 86400000\n", "fault"),
        ("", "fault"),
        ("consumer_timeout = 1800000\nconsumer_timeout = 90000000\n", "ok"),
        ("consumer_timeout = undefined\n", "ok"),
    ],
)
def test_the_time_of_a_worker(text: str, level: str) -> None:
    assert configuration.timeout_verdict(text).level == level


def test_the_configuration_of_another_process_is_not_read() -> None:
    assert configuration.consumer_timeout("1", ["/etc/hostname"]).level == "left out"
    assert configuration.consumer_timeout("no number", []).level == "left out"


def policy(pattern: str, priority: int = 0, **definition: Any) -> dict[str, Any]:
    return {"pattern": pattern, "priority": priority, "definition": definition}


def test_our_own_policy_is_right() -> None:
    assert policies.of_sessions([SESSION_POLICY]).level == "ok"
    assert policies.of_starts([SESSION_POLICY]).level == "ok"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ([], "kept everything"),
        ([policy("^mqtt-", **{"max-length": 5})], "the history loses builds"),
        ([policy("^mqtt-subscription-(?!recorder)", expires=5)], "kept everything"),
        (
            [policy("^mqtt-subscription-d", **{"max-length": 5, "overflow": "reject-publish"})],
            "publishers stand still",
        ),
        ([SESSION_POLICY, policy("phone|doctor", 9, expires=5)], "kept everything"),
        (
            [{**policy("^mqtt-(?!.*recorder)", **{"max-length": 5}), "apply-to": "exchanges"}],
            "kept",
        ),
    ],
)
def test_policies_that_are_wrong_for_sessions(found: list[dict[str, Any]], why: str) -> None:
    verdict = policies.of_sessions(found)
    assert verdict.level == "fault"
    assert why in verdict.meaning


def test_a_policy_that_loses_starts() -> None:
    assert policies.of_starts([policy(".*", expires=5)]).level == "fault"
    assert policies.of_starts([policy("(", expires=5)]).level == "ok"  # RabbitMQ would refuse it


@pytest.mark.parametrize(
    ("limits", "queues", "level"),
    [
        ({}, 3, "fault"),
        ({"max-queues": -1}, 3, "fault"),
        ({"max-queues": 250}, 30, "ok"),
        ({"max-queues": 250}, 230, "warning"),
        ({"max-queues": 250}, 250, "fault"),
    ],
)
def test_the_number_of_queues(limits: dict[str, int], queues: int, level: str) -> None:
    assert policies.of_number(limits, queues).level == level


@pytest.mark.parametrize(("days", "level"), [(90, "ok"), (5, "warning")])
def test_certificates_that_are_trusted(days: int, level: str) -> None:
    told = {"notAfter": f"{NOW + timedelta(days=days):%b %d %H:%M:%S %Y} GMT"}
    assert certificates.of_dates("x", told, NOW).level == level


def test_the_roles_cover_every_kind() -> None:
    published = roles.TOPICS & {str(Topic(roles.NAME, roles.NAME, kind)) for kind in KINDS}
    assert len(published) == len(KINDS)
    for user in ("gateway", "worker", "recorder", "mobile"):
        role = roles.of(user)
        assert role
        assert role.publishes <= roles.TOPICS
        assert set(role.takes) <= set(roles.QUEUES)


@pytest.mark.parametrize(
    ("user", "reads_only"),
    [("mobile", True), ("vhost:reader", True), ("worker", False)],
)
def test_the_role_of_a_user(user: str, reads_only: bool) -> None:  # noqa: FBT001 - a parameter
    role = roles.of(user)
    assert role
    assert role.reads_only == reads_only


def test_a_user_of_another_name_has_no_role() -> None:
    assert roles.of("ada") is None


def test_odd_topics_are_none_of_ours() -> None:
    for user in ("gateway", "worker", "recorder", "mobile"):
        role = roles.of(user)
        assert role
        odd = [*roles.leaks(role), roles.longer(role)]
        assert len(odd) == len(roles.LEAKS) + 1
        assert not roles.TOPICS & set(odd)
        assert all(len(roles.key(topic)) < 256 for topic in odd)


@pytest.mark.parametrize(
    ("url", "strict"),
    [
        ("https://builds.example", True),
        ("http://builds.example", False),
        ("https://localhost:8443", False),
        ("https://builds.localhost", False),
        ("https://192.0.2.7", False),
        ("https://[2001:db8::1]:8443", False),
    ],
)
def test_strict_transport_is_asked_for_where_a_gateway_says_it(url: str, *, strict: bool) -> None:
    assert gateway._is_strict(Site(url)) is strict
    assert Access([url]).is_secure(urlsplit(url).netloc) is strict


def test_the_security_headers_are_those_of_the_gateway() -> None:
    assert set(gateway.SECURITY_HEADERS) == set(SECURITY_HEADERS) - {"cache-control"}
    assert STRICT_TRANSPORT[0] == gateway.STRICT_TRANSPORT


def test_a_finding_is_one_line() -> None:
    assert (
        str(finding.fault("x", "it is wrong.", "Mend it.")) == "fault     x: it is wrong. Mend it."
    )
    assert str(finding.left_out("x", "no.")) == "left out  x: no."


@pytest.mark.parametrize(
    ("status", "slug", "level"),
    [(401, "not-signed-in", "ok"), (400, "needs-https", "fault"), (502, "", "warning")],
)
def test_a_sign_in_by_https(
    monkeypatch: pytest.MonkeyPatch, status: int, slug: str, level: str
) -> None:
    body = f'{{"type": "urn:buildfeed:problem:{slug}"}}'.encode()
    answer = Answer(status, {}, body, NOW, NOW)
    monkeypatch.setattr(Site, "ask", lambda *_, **_options: answer)
    assert gateway._https(Site("https://builds.example")).level == level


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1:8000", True),
        ("mqtt://[::1]", True),
        ("https://builds.example", True),
        ("http://localhost", True),
        ("http://builds.example", False),
        ("amqp://10.0.0.1", False),
    ],
)
def test_what_others_can_read(url: str, private: bool) -> None:  # noqa: FBT001 - a parameter
    assert certificates.is_private(url) == private
    if not private:
        (found,) = certificates.findings(url)
        assert found.level == "warning"


def test_a_token_is_not_sent_by_http(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Site] = []
    monkeypatch.setattr("buildfeed.doctor.gateway.findings", lambda site: asked.append(site) or [])
    said = [
        *examination.findings(Places(url="http://builds.example", token="bf_secret")),
        *examination.findings(Places(url="https://127.0.0.1:1", token="bf_secret")),
    ]
    assert [site._headers for site in asked] == [{}, {"Authorization": "Bearer bf_secret"}]
    assert "bf_secret" not in "".join(map(str, said))
