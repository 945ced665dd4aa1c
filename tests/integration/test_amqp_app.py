"""The app with a queue of its own, run as topics.md has it."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pika.adapters.blocking_connection import BlockingChannel

from buildfeed.broker.amqp.topology import TOPIC_EXCHANGE
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ

TOPICS = (Path(__file__).parents[2] / "topics.md").read_text()


def test_it_prints_what_is_published(
    rabbitmq: PrivateRabbitMQ,
    channel: BlockingChannel,
    tmp_path: Path,
    eventually: Callable[..., None],
) -> None:
    (code,) = re.findall(r"```python\n(import pika\n.*?)```", TOPICS, re.DOTALL)
    code = code.replace("amqp://USER:PASSWORD@HOST", rabbitmq.amqp_url)
    printed = tmp_path / "printed"

    def prints() -> bool:
        channel.basic_publish(TOPIC_EXCHANGE, "builds.acme.b1.status", b"{}")
        return "builds.acme.b1.status {}\n" in printed.read_text()

    with (
        printed.open("wb") as output,
        subprocess.Popen([sys.executable, "-u", "-c", code], stdout=output) as app,
    ):
        try:
            eventually(prints)
        finally:
            app.kill()
    channel.queue_delete("my-app")
