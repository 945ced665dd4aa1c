"""The Buildfeed that is struck: on a RabbitMQ of its own, where nobody else takes its builds."""

from collections.abc import Iterator

import pytest

from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.fleet import Fleet


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    directory = tmp_path_factory.mktemp("fault")
    broker = PrivateRabbitMQ(directory / "rabbitmq")
    broker.start()
    with Fleet.on(broker, directory) as fleet:
        yield fleet
    broker.stop()
