"""On which addresses somebody may be served who has no login."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.anonymous import is_loopback, refusal

LOOPBACK = ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1"]
LOOPBACK += ["::ffff:127.0.0.1", "::ffff:7f00:1", "localhost", "LocalHost", "ci.localhost"]
OTHERS = [
    "",
    "0.0.0.0",
    "::",
    "::ffff:0.0.0.0",
    "192.168.7.7",
    "10.0.0.1",
    "169.254.1.1",
    "fe80::1",
]
OTHERS += ["::ffff:192.168.7.7", "::127.0.0.1", "example.org", "localhost.example.org", "vm", "0"]
OTHERS += ["127.1", "2130706433", "0x7f000001", "127.0.0.1.example.org", "notlocalhost", " ", "*"]
OTHERS += ["127.0.0.1:80", "[::1]", "127.0.0.1,0.0.0.0", "128.0.0.1", "localhost."]


@pytest.mark.parametrize("host", LOOPBACK)
def test_on_loopback_everybody_is_served(host: str) -> None:
    assert is_loopback(host)
    assert refusal(host, None) is None
    assert refusal(host, "all") is None


@pytest.mark.parametrize("host", OTHERS)
def test_elsewhere_it_needs_a_decision(host: str) -> None:
    assert not is_loopback(host)
    sentence = refusal(host, None)
    assert sentence
    assert "--anonymous all" in sentence
    assert "read, start and stop every build" in sentence
    assert refusal(host, "all") is None


@pytest.mark.parametrize("host", [*LOOPBACK, *OTHERS])
def test_nobody_can_be_served_when_there_is_no_login(host: str) -> None:
    assert "--anonymous none serves nobody" in (refusal(host, "none") or "")


@given(st.ip_addresses(v=4))
def test_of_ipv4_only_127_is_loopback_however_it_is_written(
    address: ipaddress.IPv4Address,
) -> None:
    assert is_loopback(str(address)) == str(address).startswith("127.")
    assert is_loopback(f"::ffff:{address}") == str(address).startswith("127.")
