"""The Buildfeed that is struck: on a RabbitMQ of its own, where nobody else takes its builds."""

from collections.abc import Iterator

import pytest

from support.fleet import Fleet
from support.rabbitmq import ControlledRabbitMQ


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    directory = tmp_path_factory.mktemp("fault")
    broker = ControlledRabbitMQ(directory / "rabbitmq")
    broker.start()
    with Fleet.on(broker, directory) as fleet:
        yield fleet
    broker.stop()
