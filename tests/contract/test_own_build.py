"""A build that is run in place, at a broker that is slow or away when it ends."""

import threading
import time
from pathlib import Path

import pytest

from buildfeed.activity import Activity, decode
from buildfeed.cli.own_build import OwnBuild
from buildfeed.runner.masking import Masking
from buildfeed.runner.output import Output
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.report import Report
from buildfeed.runner.terminal import STANDARD_OUTPUT
from support.peers import Client, Connect, Proxy

SLOW_SECONDS = 0.5


@pytest.fixture(params=["embedded"])
def broker(request: pytest.FixtureRequest) -> object:
    return request.getfixturevalue(request.param)


def printed(url: str, project: str, text: bytes) -> OwnBuild:
    """Return a build, not yet begun, whose command has printed `text`."""
    reader = OutputReader(
        ("echo",),
        directory=str(Path.cwd()),
        masking=Masking({}, ()),
        begun=time.monotonic(),
        output=Output(),
    )
    reader.read(text, STANDARD_OUTPUT, time.monotonic())
    reader.end(time.monotonic(), succeeded=True)
    report = Report(project, "b1", "runner", by="ada", job="default", title="echo", url=None)
    return OwnBuild(url, "runner", report, reader)


def heard(watcher: Client) -> list[Activity]:
    return [decode(each.topic, each.payload) for each in watcher.messages]


def test_what_a_command_printed_that_was_quicker_than_the_broker_arrives(
    broker_url: str, proxy: Proxy, connect: Connect, root: str
) -> None:
    watcher = connect(broker_url, subscriptions=[(f"builds/{root}/#", 1)])
    build = printed(proxy.url, root, b"hi\n")
    proxy.freeze()
    build.begin()
    threading.Timer(SLOW_SECONDS, proxy.thaw).start()

    assert build.end("succeeded", 0)

    watcher.until(lambda: [each for each in heard(watcher) if each.object.ended])
    assert [each.content for each in heard(watcher) if each.kind == "log"] == ["hi\n"]


def test_a_broker_that_is_away_is_waited_for_once(proxy: Proxy, root: str) -> None:
    proxy.close()
    build = printed(proxy.url, root, b"hi\n")
    began = time.monotonic()
    build.begin()

    assert not build.end("succeeded", 0)

    assert time.monotonic() - began < 8
