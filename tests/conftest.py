"""Brokers and helpers for every kind of test."""

import itertools
import logging
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from buildfeed.broker.local import ports
from buildfeed.history.store import Store
from support.postgresql import PostgreSQL
from support.rabbitmq import ControlledRabbitMQ

_LEVEL = logging.root.level
PROXIES = ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy", "no_proxy")


def pytest_addoption(parser: pytest.Parser) -> None:
    faults = parser.getgroup("faults", "tests/fault")
    # Of the torture seven are each kind once; with this seed six of them come in pairs and the
    # network is silent for longer than the gateway bears (3 s).
    faults.addoption("--faults", type=int, default=7, help="How many faults.")
    faults.addoption("--builds", type=int, default=20, help="Under how many builds.")
    faults.addoption("--torture", action="store_true", help="Strike the broker too.")
    faults.addoption("--hostile", type=int, default=3000, help="How many frames and requests.")
    faults.addoption("--fuzz-seconds", type=float, default=1, help="How long at each door.")
    faults.addoption("--only", default="", help="Faults with this in their name.")
    parser.addoption("--grant-pairs", type=int, default=2000, help="Random sets of grants.")
    faults.addoption("--seed", type=int, default=52, help="Of the random choices.")


def pytest_configure() -> None:
    """Ask loopback directly, and share the ports out among the processes of pytest-xdist.

    Clients in tests, and the programs that tests start, would ask the proxy of the environment.
    """
    for name in PROXIES:
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:  # as below nohup, or in the background
            signal.signal(number, signal.SIG_DFL)  # services under test would inherit it
    if process := os.environ.get("PYTEST_XDIST_WORKER"):  # gw0, gw1, …
        number, count = int(process[2:]), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        share = (ports._LAST - ports._FIRST) // count
        ports._FIRST += number * share
        ports._LAST = ports._FIRST + share


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo what a command under test did to logging in this process, also for a whole module."""
    handlers, level = logging.root.handlers[:], _LEVEL
    logging.root.setLevel(level)
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function that returns a free listen port on loopback."""

    def find() -> int:
        port = ports.free_block(1, secrets.randbelow(100_000))
        assert port
        return port

    return find


@pytest.fixture
def eventually() -> Callable[..., None]:
    """A function that waits until a condition holds, and fails when it does not within 10 s."""

    def wait(condition: Callable[[], object], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not so within {seconds} s"
            time.sleep(0.01)

    return wait


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One PostgreSQL for the whole test run; a test that ends it starts it again."""
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history without a row: to copy it takes less time than to make one."""
    path = tmp_path_factory.mktemp("sqlite") / "history.db"
    with closing(Store(f"sqlite:///{path}")) as store:
        store.position()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """A function that returns the URL of a history without a row; the one before is void then."""
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        return server.emptied_database
    template: Path = request.getfixturevalue("sqlite_template")
    names = (tmp_path / f"history-{number}.db" for number in itertools.count())
    return lambda: f"sqlite:///{shutil.copy(template, next(names))}"


@pytest.fixture
def database_url(empty_database: Callable[[], str]) -> str:
    """The URL of a history without a row."""
    return empty_database()


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlledRabbitMQ]:
    """One RabbitMQ for the whole test run; a test that ends it starts it again."""
    broker = ControlledRabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    broker.start()
    yield broker
    broker.kill()  # to end gracefully takes it seconds
    broker.stop()


@pytest.fixture
def private_rabbitmq(tmp_path: Path) -> Iterator[Callable[[], ControlledRabbitMQ]]:
    """A function that makes a RabbitMQ of the test's own, not yet started. A first start takes
    10 s: prefer `rabbitmq`."""
    made: list[ControlledRabbitMQ] = []

    def make() -> ControlledRabbitMQ:
        made.append(ControlledRabbitMQ(tmp_path / f"rabbitmq-{len(made)}"))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()
        broker.stop()
