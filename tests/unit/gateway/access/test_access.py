"""Which hosts nobody on the way listens to."""

import pytest

from gateway.access.access import Access

ACCESS = Access(["https://builds.example", "http://plain.example", "https://ci.example:8443"])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "[::1]", "localhost", "a.localhost:1", "builds.example", "ci.example:8443"],
)
def test_a_host_is_private_by_https_and_on_this_machine(host: str) -> None:
    assert ACCESS.is_private(host)


@pytest.mark.parametrize(
    "host",
    ["192.0.2.1:8000", "plain.example", "builds.example:8000", "localhost.evil.example", "", "a b"],
)
def test_a_host_that_is_reached_by_http_is_not(host: str) -> None:
    assert not ACCESS.is_private(host)
    assert Access([], has_tls=True).is_private(host)
