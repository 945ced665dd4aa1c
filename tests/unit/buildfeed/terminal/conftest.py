from collections.abc import Iterator

import pytest

from buildfeed.terminal import output, press, stream
from support.told_gateway import ToldGateway


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[ToldGateway]:
    """A gateway that answers as it is told; nobody pauses long before the next try."""
    monkeypatch.setattr(stream, "_FIRST_SECONDS", 0.01)
    monkeypatch.setattr(press, "_PAUSE", 0.01)
    monkeypatch.setattr(output, "_PAUSE", 0.01)
    with ToldGateway() as gateway:
        yield gateway
