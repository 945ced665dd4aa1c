import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import hosts
from gateway.access.hosts import Host


@pytest.mark.parametrize(
    "text",
    [
        *("localhost", "LOCALHOST:8000", "localhost.", "localhost.:8000", "buildfeed.localhost"),
        # An address, however it is written (WHATWG URL §3.5).
        *("127.1", "0x7f000001", "2130706433:8000", "0x7f.1", "010.0.0.1"),
        *("a.b.LocalHost.:80", "127.0.0.1", "127.0.0.1:8000", "192.0.2.1.", "[::1]", "[::1]:8000"),
        *(
            "localhost ",
            "localhost:8000\t",
            "::1",
            "[FE80::1%25eth0]:8000",
            "[fe80::1%eth0]",
            "fe80::1%eth0",
            "localhost:",
        ),
    ],
)
def test_a_host_that_nobody_can_rebind(text: str) -> None:
    host = hosts.host(text)
    assert host
    assert host.is_fixed


@pytest.mark.parametrize(
    "text",
    [
        *("evil.example", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example"),
        *("localhost.localdomain", "evil.example:80", "127.0.0.1.a", "0x7f.example"),
    ],
)
def test_a_host_that_somebody_could_rebind(text: str) -> None:
    host = hosts.host(text)
    assert host
    assert not host.is_fixed


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", ":80", "[", "[]", "[::1", "[localhost]", "a@localhost", "localhost/x", "a b"),
        *("localhost:65536", "localhost:x", "localhost:80:80", "localhost, evil.example", "*"),
        *("local\thost", "bücher.example", "localhost?", "localhost\\"),
        *("999.1.1.1", "1.2.3.4.5", "evil.0x7f", "a.b.1", "256.0.0.1", "09.1", "1.2.3.4%x"),
        *("a..b", ".a", "localhost..", "localhost:0", "127.0.0.1%evil.example"),
    ],
)
def test_what_is_no_host(text: str) -> None:
    assert hosts.host(text) is None


@given(st.text(max_size=30))
def test_any_text_is_a_host_or_none(text: str) -> None:
    found = hosts.host(text)
    assert found is None or hosts.host(str(found)) == found


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("HTTPS://Builds.Example", "https://builds.example"),
        ("https://builds.example.", "https://builds.example"),
        ("https://builds.example:443", "https://builds.example"),
        ("http://builds.example:80", "http://builds.example"),
        ("http://builds.example:443", "http://builds.example:443"),
        ("http://[0:0::1]:8000", "http://[::1]:8000"),
        ("http://127.1:8000", "http://127.0.0.1:8000"),
        ("http://0x7F000001", "http://127.0.0.1"),
        ("http://[fe80::1%25eth0]", "http://[fe80::1]"),
        ("wss://builds.example:443", "https://builds.example"),
        ("ws://x:8000", "http://x:8000"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_is_written_as_browsers_do(text: str, written: str) -> None:
    assert str(hosts.origin(text)) == written


@pytest.mark.parametrize("text", ["", "null", "*", "x", "https://", "https://*", "://x", "a.b:80"])
def test_what_is_no_origin(text: str) -> None:
    assert hosts.origin(text) is None


@pytest.mark.parametrize(
    ("text", "name", "port", "own"),
    [
        ("http://x", "x", None, True),
        ("https://x", "x", None, True),
        ("https://x", "x", 443, True),
        ("https://x:443", "x", None, True),
        ("http://x:8000", "x", 8000, True),
        ("http://x", "x", 443, False),
        ("https://x", "x", 80, False),
        ("http://x:8000", "x", None, False),
        ("http://x", "x", 8000, False),
        ("http://y", "x", None, False),
        ("ftp://x", "x", None, False),
    ],
)
def test_an_origin_is_that_of_a_host(text: str, name: str, port: int | None, own: bool) -> None:  # noqa: FBT001
    origin = hosts.origin(text)
    assert origin
    assert origin.is_of(Host(name, port)) is own
