"""A stream of a command, written to a pipe of ours that takes little at a time."""

import errno
import os
import select
from collections.abc import Iterator

import pytest

from buildfeed.runner.streams import MOST, Stream

Pipe = tuple[int, int]


@pytest.fixture
def pipes() -> Iterator[tuple[Pipe, Pipe]]:
    """The pipe of the command, and ours."""
    its_own, ours = os.pipe(), os.pipe()
    yield its_own, ours
    for descriptor in (its_own[1], *ours):
        os.close(descriptor)


def unknown(*_: object) -> int:
    raise OSError(errno.EOPNOTSUPP, "this kernel knows it for files only")


@pytest.fixture(params=[os.pwritev, unknown])
def write(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwritev", request.param)


@pytest.mark.usefixtures("write")
def test_a_pipe_of_ours_gets_every_byte_in_order(
    pipes: tuple[Pipe, Pipe],
) -> None:
    (read_end, its_own), (reader, ours) = pipes
    stream = Stream(read_end, ours, 1)
    sent, got = os.urandom(3 * MOST), b""
    for begin in range(0, len(sent), MOST):
        os.write(its_own, sent[begin : begin + MOST])
        assert stream.read() == sent[begin : begin + MOST]
        while stream.pending:
            if select.select([], [ours], [], 0)[1]:
                stream.write()
            else:
                got += os.read(reader, 5000)
    while len(got) < len(sent):
        got += os.read(reader, MOST)
    assert got == sent
    stream.close()


def test_a_pipe_takes_all_that_it_has_room_for_at_once(pipes: tuple[Pipe, Pipe]) -> None:
    (read_end, its_own), (reader, ours) = pipes
    stream = Stream(read_end, ours, 1)
    os.write(its_own, b"x" * MOST)
    stream.read()
    stream.write()
    assert not stream.pending
    os.read(reader, MOST)
    stream.close()


@pytest.mark.usefixtures("write")
def test_a_reader_that_is_gone_closes_the_stream(pipes: tuple[Pipe, Pipe]) -> None:
    (read_end, its_own), _ = pipes
    reader, gone = os.pipe()
    os.close(reader)
    stream = Stream(read_end, gone, 1)
    os.write(its_own, b"x")
    stream.read()
    stream.write()
    assert not stream.open
    os.close(gone)
