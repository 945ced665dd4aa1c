"""A RabbitMQ with its management API, and `buildfeed doctor` at work on it."""

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from click.testing import CliRunner, Result

from buildfeed.cli.doctor import main
from support.compose_rabbitmq import ComposeRabbitMQ
from support.rabbitmq import ControlledRabbitMQ
from support.service import HTTP

USERS: Final = "gateway", "worker", "recorder", "mobile"


class Patient:
    """A RabbitMQ of compose.yaml, whose configuration a test may spoil before it starts."""

    def __init__(self, directory: Path) -> None:
        self.broker = ComposeRabbitMQ(directory)
        self.definitions = directory / "definitions" / "2-permissions.json"
        self.settings = directory / "conf.d" / "90-buildfeed.conf"

    @property
    def server(self) -> ControlledRabbitMQ:
        return self.broker.server

    def defined(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.definitions.read_text())
        return found

    def define(self, definitions: dict[str, Any]) -> None:
        self.definitions.write_text(json.dumps(definitions))

    def knows_its_node(self) -> bool:
        """Tell whether the management API answers, and what its node is like; it begins late."""
        answer = HTTP.get(f"{self.management_url}/api/nodes")
        nodes = answer.json() if answer.is_success else []
        return bool(nodes and nodes[0].get("enabled_plugins"))

    def manage(self, method: str, path: str, **options: Any) -> httpx.Response:
        url = f"{self.management_url}/api/{path}"
        answer = HTTP.request(method, url, **options)
        assert answer.is_success, answer.text
        return answer

    @property
    def management_url(self) -> str:
        return f"http://operator:operator@{self.server.management_url.rpartition('@')[2]}"

    def examined(self, *users: str) -> Result:
        """Return what the command says, as these users by MQTT and as the gateway by AMQP."""
        mqtt = f"127.0.0.1:{self.server.mqtt_port}"
        options = [
            f"--management-url={self.management_url}",
            f"--amqp-url=amqp://gateway:gateway@127.0.0.1:{self.server.amqp_port}/",
            *(f"--mqtt-url=mqtt://{user}:{user}@{mqtt}" for user in users or USERS),
        ]
        return CliRunner().invoke(main, options)

    def delete_binding(self, source: str, destination: str) -> None:
        """Take away the bindings between two exchanges of the virtual host `/`."""
        between = f"e/{source}/e/{destination}"
        for each in self.manage("GET", f"bindings/%2F/{between}").json():
            key = quote(each["properties_key"], safe="")
            self.manage("DELETE", f"bindings/%2F/{between}/{key}")


def lines(result: Result, level: str) -> list[str]:
    """Return the lines of one level, without it."""
    return [
        line.removeprefix(level).strip()
        for line in result.output.splitlines()
        if line.startswith(f"{level} ")
    ]
