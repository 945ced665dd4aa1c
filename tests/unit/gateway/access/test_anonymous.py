"""What everybody may do, on which addresses."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.errors import InvalidGrant
from buildfeed.grants import EVERYTHING, Grants
from gateway.access.anonymous import decided, is_loopback, parse, refusal, written

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
def test_on_loopback_everybody_may_do_everything(host: str) -> None:
    assert is_loopback(host)
    assert refusal(host, None, has_tokens=False) is None
    assert decided(host, None) == EVERYTHING


@pytest.mark.parametrize("host", OTHERS)
def test_elsewhere_it_needs_a_decision_or_a_token(host: str) -> None:
    assert not is_loopback(host)
    sentence = refusal(host, None, has_tokens=False)
    assert sentence
    for way_out in ("buildfeed token add NAME operator", "--anonymous viewer", "--anonymous all"):
        assert way_out in sentence
    assert "read, start and stop every build" in sentence
    assert refusal(host, None, has_tokens=True) is None
    assert refusal(host, EVERYTHING, has_tokens=False) is None
    assert decided(host, None) == Grants()


@pytest.mark.parametrize("host", [*LOOPBACK, *OTHERS])
def test_a_decision_counts_everywhere(host: str) -> None:
    nobody = Grants()
    assert refusal(host, nobody, has_tokens=False) is None
    assert decided(host, nobody) == nobody


@pytest.mark.parametrize(
    ("text", "grants"),
    [
        ("none", []),
        ("viewer", ["read:builds/#"]),
        (" all ", ["operator", "as:*"]),
        ("viewer@acme, start:acme", ["viewer@acme", "start:acme"]),
        ("read:builds/+/+/status", ["read:builds/+/+/status"]),
    ],
)
def test_a_decision_is_a_word_or_grants(text: str, grants: list[str]) -> None:
    assert parse(text) == Grants.parse(grants)
    assert parse(written(parse(text))) == parse(text)


@pytest.mark.parametrize("text", ["", " ", ",", "everyone", "all none", "viewer@", "read:x", "no"])
def test_what_is_no_decision_is_refused(text: str) -> None:
    with pytest.raises(InvalidGrant):
        parse(text)


@given(st.ip_addresses(v=4))
def test_of_ipv4_only_127_is_loopback_however_it_is_written(
    address: ipaddress.IPv4Address,
) -> None:
    assert is_loopback(str(address)) == str(address).startswith("127.")
    assert is_loopback(f"::ffff:{address}") == str(address).startswith("127.")
