"""The commands open an address that others reach only when somebody has decided that."""

import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.programs import lines
from support.service import HTTP, Service, Web, until

Run = Callable[..., Service]
OPEN_TO_ALL = "WARNING gateway.open_to_all"
REFUSED = "say --anonymous all"


def ended(service: Service) -> int:
    assert service._process
    return service._process.wait(20)


@pytest.mark.parametrize("command", ["up", "gateway"])
def test_without_a_decision_nothing_is_started(run: Run, tmp_path: Path, command: str) -> None:
    folder = tmp_path / "data"
    # The other addresses: see unit/gateway/access/test_anonymous.py.
    service = run(command, data_dir=folder, host="0.0.0.0")
    assert ended(service) == 2
    *_, sentence = service.text.splitlines()
    assert sentence.startswith("Error: ")
    assert sentence.endswith(".")
    assert REFUSED in sentence
    assert "Traceback" not in service.text
    assert not folder.exists()


@pytest.mark.parametrize("command", ["up", "gateway"])
def test_what_is_no_decision_is_told_in_one_sentence(run: Run, command: str) -> None:
    service = run(command, anonymous="everyone")
    assert ended(service) == 2
    assert "Grant 'everyone' is refused: a grant is read:FILTER, " in service.text
    assert "Traceback" not in service.text


def test_with_a_decision_it_says_once_what_it_means(run: Run, free_port: Callable[[], int]) -> None:
    options = {"host": "0.0.0.0", "anonymous": "all", "log_level": "warning", "no_worker": True}
    web = run("up", mqtt_port=free_port(), **options)
    assert isinstance(web, Web)
    web.until_ready()
    (line,) = [line for line in web.text.splitlines() if OPEN_TO_ALL in line]
    assert "everybody who reaches this port may read, start and stop every build" in line
    assert f"host=0.0.0.0 port={web.options['port']}" in line


@pytest.mark.parametrize("host", [None, "localhost", "::1"])
def test_on_loopback_it_needs_no_decision(
    run: Run, free_port: Callable[[], int], host: str | None
) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("no IPv6 here")
    options = {"host": host} if host else {}
    web = run("up", mqtt_port=free_port(), no_worker=True, **options)
    url = f"http://{'[::1]' if host == '::1' else '127.0.0.1'}:{web.options['port']}"
    web.until_logged(
        f"Buildfeed is ready: http://{'[::1]' if host == '::1' else host or '127.0.0.1'}"
    )
    assert HTTP.get(f"{url}/readyz").status_code == 200
    assert OPEN_TO_ALL not in web.text


@pytest.mark.parametrize("command", ["up", "gateway"])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_address_that_is_not_here_is_told_in_one_sentence(
    run: Run, command: str, workers: int
) -> None:
    service = run(command, host="192.0.2.7", anonymous="all", workers=workers)  # RFC 5737: nobody's
    assert ended(service) == 1
    assert "Error: Nothing can listen on 192.0.2.7" in service.text
    assert "Traceback" not in service.text


@pytest.mark.parametrize("command", ["up", "gateway"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_that_is_taken_is_told_in_one_sentence(
    run: Run, free_port: Callable[[], int], command: str, workers: int
) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        service = run(command, port=port, workers=workers)
        assert ended(service) == 1
    *_, sentence = service.text.splitlines()
    assert sentence == f"Error: Port {port} is taken: choose another with --port or PORT=."


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("host", "reached"),
    [("::", ["127.0.0.1", "[::1]"]), ("localhost", ["127.0.0.1", "[::1]"]), ("[::1]", ["[::1]"])],
)
def test_both_families_are_served_by_one_process_and_by_several(
    run: Run, free_port: Callable[[], int], host: str, reached: list[str], workers: int
) -> None:
    mqtt_port = free_port()
    web = run("up", host=host, anonymous="all", workers=workers, mqtt_port=mqtt_port)
    web.until_logged("MQTT clients:")
    assert "Traceback" not in web.text
    for address in reached:
        url = f"http://{address}:{web.options['port']}"
        assert HTTP.get(f"{url}/readyz").status_code == 200
        start = f"{url}/api/projects/acme/builds"
        assert HTTP.post(start, headers={"Origin": url}).status_code == 202
        socket.create_connection((address.strip("[]"), mqtt_port), timeout=2).close()
    (page,) = re.findall(r"Buildfeed is ready: (\S+)", web.text)
    assert HTTP.get(page).status_code == 200
    (mqtt,) = re.findall(r"MQTT clients: +(\S+)", web.text)
    with lines(sys.executable, "examples/subscriber.py", mqtt) as told:
        until(lambda: told, "an activity")  # the builds run for 10 s


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
