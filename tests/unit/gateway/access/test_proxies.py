import pytest

from gateway.access.proxies import Proxies, owner

TRUSTED = Proxies(["10.0.0.0/8", "2001:db8::1", "192.0.2.9"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        pytest.param("10.1.2.3", ["198.51.100.7"], "198.51.100.7", id="one proxy"),
        pytest.param("10.1.2.3", ["198.51.100.7, 192.0.2.9"], "198.51.100.7", id="two proxies"),
        pytest.param("10.1.2.3", ["198.51.100.7", "10.9.9.9"], "198.51.100.7", id="two lines"),
        pytest.param("10.1.2.3", ["127.0.0.1, 198.51.100.7"], "198.51.100.7", id="made up"),
        pytest.param("10.1.2.3", ["10.0.0.1,10.0.0.2"], "10.0.0.1", id="proxies only"),
        pytest.param("10.1.2.3", [], "10.1.2.3", id="nothing said"),
        pytest.param("10.1.2.3", [""], "10.1.2.3", id="an empty line"),
        pytest.param("10.1.2.3", ["198.51.100.7, unknown"], "10.1.2.3", id="no address"),
        pytest.param("10.1.2.3", ["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2", id="behind one"),
        pytest.param("10.1.2.3", ["a" * 100], "10.1.2.3", id="a long one"),
        pytest.param("10.1.2.3", ["198.51.100.7:4711"], "198.51.100.7", id="a port"),
        pytest.param("10.1.2.3", ["[2001:db8::7]:4711"], "2001:db8::7", id="a port, IPv6"),
        pytest.param("10.1.2.3", ["2001:DB8:0::7"], "2001:db8::7", id="IPv6"),
        pytest.param("2001:db8::1", ["::ffff:198.51.100.7"], "198.51.100.7", id="IPv4 in IPv6"),
        pytest.param("::ffff:10.1.2.3", ["198.51.100.7"], "198.51.100.7", id="a proxy in IPv6"),
        pytest.param("198.51.100.8", ["198.51.100.7"], "198.51.100.8", id="no proxy"),
        pytest.param("127.0.0.1", ["198.51.100.7"], "127.0.0.1", id="loopback"),
        pytest.param("", ["198.51.100.7"], "", id="no address of its own"),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert TRUSTED.client(peer, forwarded) == client


def test_nobody_is_trusted_unless_named() -> None:
    assert Proxies([]).client("127.0.0.1", ["198.51.100.7"]) == "127.0.0.1"
    assert not Proxies([]).trusts("127.0.0.1")


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/33", "", "10.0.0.1:80"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        Proxies([text])


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("198.51.100.7", "::ffff:198.51.100.7"),
        ("2001:db8:0:1::7", "2001:db8:0:1:ffff::1"),
        ("unix", "unix"),
    ],
)
def test_addresses_of_one_owner_are_the_same(address: str, same: str) -> None:
    assert owner(address) == owner(same)
    assert owner("2001:db8:0:2::7") != owner(address)
