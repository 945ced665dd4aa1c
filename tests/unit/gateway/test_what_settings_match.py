"""A setting is written as what it is compared with, or refused in one sentence."""

from typing import Any

import click
import pytest
from click.testing import CliRunner

from gateway import options


@click.command
@options.host
@options.origins
@options.root_path
@options.trusted_proxies
def told(**given: Any) -> None:
    """Print every option."""
    for name, value in given.items():
        click.echo(f"{name}: {' '.join(value) if isinstance(value, tuple) else value}")


@pytest.mark.parametrize(
    ("option", "value", "written"),
    [
        ("--origin", "https://x/", "https://x"),
        ("--origin", "HTTPS://X", "https://x"),
        ("--origin", "https://x:443", "https://x"),
        ("--origin", " https://x ", "https://x"),
        ("--origin", "wss://x", "https://x"),
        ("--origin", "https://münchen.example:8443/", "https://xn--mnchen-3ya.example:8443"),
        ("--origin", "https://straße.example", "https://xn--strae-oqa.example"),
        ("--origin", "http://127.1:8000", "http://127.0.0.1:8000"),
        ("--origin", "http://[0:0::1]:80", "http://[::1]"),
        ("--origin", "chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("--host", "", "0.0.0.0"),
        ("--host", "0", "0.0.0.0"),
        ("--host", "[::1]", "::1"),
        ("--host", "0:0::1", "::1"),
        ("--host", "::ffff:127.0.0.1", "127.0.0.1"),
        ("--host", "LOCALHOST.", "localhost"),
        ("--host", "fe80::1%eth0", "fe80::1%eth0"),
        ("--host", "münchen.example", "xn--mnchen-3ya.example"),
        ("--root-path", "ci", "/ci"),
        ("--root-path", "//a//b/", "/a/b"),
        ("--root-path", "/", ""),
        ("--trusted-proxy", "10.1.2.3/8", "10.0.0.0/8"),
        ("--trusted-proxy", "[::1]", "::1/128"),
        ("--trusted-proxy", "::ffff:10.0.0.1", "10.0.0.1/32"),
        ("--trusted-proxy", "::ffff:0:0/96", "0.0.0.0/0"),
        ("--trusted-proxy", "fe80::1%eth0", "fe80::1/128"),
    ],
)
def test_it_is_written_as_what_it_is_compared_with(option: str, value: str, written: str) -> None:
    result = CliRunner().invoke(told, [option, value])
    assert result.exit_code == 0, result.output
    name = {"--origin": "origins", "--trusted-proxy": "trusted_proxies"}.get(option)
    name = name or option[2:].replace("-", "_")
    assert f"{name}: {written}" in result.output.splitlines()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--origin", text) for text in ("x", "*", "https://*", "https://*.x", "null", "")),
        *(("--origin", text) for text in ("https://x/ci", "https://x,https://y", "htps://x")),
        *(("--origin", text) for text in ("httpss://x", "ftp://x", "file://x", "mqtt://x")),
        *(("--origin", text) for text in ("https://x:0", "https://x:70000", "https://a..b")),
        *(("--origin", text) for text in ("https://999.1.1.1", "https://u@x", "https://x?q")),
        *(("--host", text) for text in ("*", "127.0.0.1:8000", "[::1]:8000", "http://x")),
        *(("--host", text) for text in ("a b", "127.0.0.1/8", "1.2.3.4.5", "a,b")),
        *(("--trusted-proxy", text) for text in ("*", "0.0.0.0", "::", "nginx", "localhost")),
        *(("--trusted-proxy", text) for text in ("10.0.0.1:80", "224.0.0.1", "10.0.0.1,10.0.0.2")),
        *(("--root-path", text) for text in ("/api", "/ci?x", "..", "/c i", "https://x/ci")),
    ],
)
def test_what_can_match_nothing_is_refused_in_one_sentence(option: str, value: str) -> None:
    result = CliRunner().invoke(told, [option, value])
    assert result.exit_code == 2
    *_, sentence = result.output.splitlines()
    assert sentence.startswith(f"Error: Invalid value for '{option}': ")
    assert sentence.endswith(".")
