import logging
import resource

import pytest

from buildfeed.machine.open_files import raise_limit
from gateway.descriptors import OTHERS, fitting


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        assert raise_limit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


@pytest.mark.parametrize(
    ("most", "limit", "may", "logged"),
    [
        (1000, 1_000_000, 1000, 0),
        (1000, 1000 + OTHERS, 1000, 0),
        (1000, 999 + OTHERS, 999, 1),
        (1000, 10, 1, 1),
        (1000, resource.RLIM_INFINITY, 1000, 0),
    ],
)
def test_there_are_no_more_connections_than_descriptors(
    most: int, limit: int, may: int, logged: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert fitting(most, limit) == may
    assert [each.message for each in caplog.records] == ["gateway.few_descriptors"] * logged
