"""A project that starts too many builds is told to wait."""

from collections.abc import Callable

import httpx

from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.service import Web

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
