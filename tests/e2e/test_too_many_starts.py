"""Who starts or stops too many builds is told to wait, by a real gateway."""

from collections.abc import Callable

import httpx

from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.service import HTTP, Web
from support.sse import metric

FAST = {"script": {"seconds": 0.1, "steps": 1, "errors": []}}


def test_starts_over_the_limit_are_refused_but_not_a_repeated_one(
    rabbitmq: PrivateRabbitMQ, run: Callable[..., Web]
) -> None:
    gateway = run(
        "gateway", mqtt_url=rabbitmq.mqtt_url, amqp_url=rabbitmq.amqp_url, starts_per_minute=2
    ).until_ready()

    def start(project: str, key: str) -> httpx.Response:
        url = f"{gateway.url}/api/projects/{project}/builds"
        return httpx.post(url, json=FAST, headers={"Idempotency-Key": key}, timeout=10)

    first = start("busy", "k1")
    assert [start("busy", "k1").json()["build"] for _ in range(3)] == [first.json()["build"]] * 3
    assert start("busy", "k2").status_code == 202
    refused = start("busy", "k3")
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:buildfeed:problem:too-many-starts"
    assert 20 <= int(refused.headers["retry-after"]) <= 30
    assert start("busy", "k1").status_code == 202
    assert start("quiet", "k1").status_code == 202


def test_made_up_projects_do_not_help_and_a_proxy_has_many_clients(run: Callable[..., Web]) -> None:
    """3 starts a minute from an address, 6 builds at once."""
    narrow = run(
        "up", no_worker=1, starts_per_address=3, max_unfinished=6, trusted_proxies="127.0.0.1"
    ).until_ready()
    builds: list[dict[str, str]] = []

    def ask(path: str, client: str) -> tuple[int, str]:
        answer = HTTP.post(f"{narrow.url}/api/projects/{path}", headers={"X-Forwarded-For": client})
        problem = answer.json()
        if answer.status_code == 202:
            builds.append(problem)
            return 202, ""
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert problem["type"].startswith("urn:buildfeed:problem:")
        return answer.status_code, problem["limit"]

    def start(number: int, client: str) -> tuple[int, str]:
        return ask(f"p{number}/builds", client)

    limited = 429, "starts-per-address"
    assert [start(n, "192.0.2.1")[0] for n in range(3)] == [202] * 3
    assert start(4, "192.0.2.1") == limited
    assert start(4, "203.0.113.9, 192.0.2.1") == limited, "what a client says of itself"
    assert [start(n, f"2001:db8::{n}")[0] for n in range(5, 8)] == [202] * 3
    assert start(8, "2001:db8::8") == (429, "max-unfinished")
    stops = [f"{each['project']}/builds/{each['build']}/stop" for each in builds]
    assert [ask(each, "192.0.2.1")[0] for each in stops[:3]] == [202] * 3
    assert ask(stops[3], "192.0.2.1") == limited
    assert ask(stops[3], "192.0.2.3")[0] == 202
    assert start(9, "2001:db8::9") == limited, "one /64 has one owner"
    assert start(9, "2001:db8:0:1::9")[0] == 202

    reached = 'buildfeed_limits_reached_total{limit="%s"}'
    assert metric(narrow, reached % "starts-per-address") == 4
    assert metric(narrow, reached % "max-unfinished") == 1
    assert narrow.text.count("start.limited") == 3, "each limit of each address once"
