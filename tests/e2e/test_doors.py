"""Hostile names and broken input at every door of a gateway on the real RabbitMQ."""

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import paho.mqtt.client as paho
import pytest
import socketio
from service import Service, Web, until

from broker.rabbitmq import PrivateRabbitMQ
from buildfeed import activity, topics
from buildfeed.errors import BuildfeedError, InvalidName

HOSTILE = {
    "a dot": "acme.secret",
    "a slash": "a/b",
    "a plus": "+",
    "a hash": "#",
    "a star": "*",
    "300 bytes": "a" * 300,
    "NUL": "a\0b",
    "an emoji": "🦊",
    "upper case": "Acme",
    "a space": "a b",
    "dots": "..",
    "a dollar": "$SYS",
    "a newline": "acme\n",
}
names = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())


@pytest.fixture(scope="module")
def gateway(
    rabbitmq: PrivateRabbitMQ,
    free_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Web]:
    directory = tmp_path_factory.mktemp("doors")
    urls = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url}
    recorder = Service("recorder", directory, mqtt_url=rabbitmq.mqtt_url, recorder_id="recorder-doors")
    web = Web("gateway", directory, port=free_port(), **urls)
    with recorder, web:
        yield web.until_ready()


@pytest.fixture
def api(gateway: Web) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=10) as client:
        yield client


def assert_problem(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("urn:buildfeed:problem:")
    assert problem["title"]
    assert problem["detail"].endswith((".", "…"))


@names
def test_http_refuses_a_hostile_name(api: httpx.Client, name: str) -> None:
    text = quote(name, safe="")
    assert_problem(api.post(f"/api/projects/{text}/builds"), 400, 404, 405)
    assert_problem(api.post(f"/api/projects/acme/builds/{text}/stop"), 400, 404, 405)
    assert_problem(api.get(f"/api/projects/{text}/builds/latest"), 400, 404, 405)
    assert_problem(api.get("/api/builds", params={"project": name}), 400)
    assert_problem(api.get(f"/projects/{text}"), 400, 404)


@names
def test_socket_io_refuses_a_hostile_filter(gateway: Web, name: str) -> None:
    with socketio.SimpleClient() as client:
        client.connect(gateway.url)
        for filter_ in (f"builds/{name}/#", f"builds/acme/{name}/progress", [f"builds/{name}/x/#"]):
            if topics.Filter.parse(filter_ if isinstance(filter_, str) else "#") and name == "+":
                continue  # a wildcard is what it is there for
            answer = client.call("watch", filter_)
            assert answer["error"]["code"] == "invalid-filter", filter_
            assert answer["error"]["message"]


@names
def test_the_publisher_refuses_a_hostile_name(name: str) -> None:
    with pytest.raises(InvalidName):
        topics.names.check("project", name)
    with pytest.raises(BuildfeedError):
        activity.decode(f"builds/{name}/x/progress", b"{}")
