"""What somebody with a token may do at a broker."""

import pytest

from buildfeed.broker.permissions import is_own_session, may_publish, may_read
from buildfeed.grants import EVERYTHING, Grants

GRANTS = Grants.parse(["runner@acme", "read:builds/+/+/status"])


@pytest.mark.parametrize(
    ("filter_", "may"),
    [
        ("builds/acme/#", True),
        ("builds/acme/+/progress", True),
        ("builds/acme/01a1/log", True),
        ("builds/+/+/status", True),
        ("builds/other/+/status", True),
        ("projects/acme/latest", True),
        ("projects/other/latest", True),
        ("builds/other/+/progress", False),
        ("builds/#", False),
        ("builds/+/+/error", False),
        ("builds/acme/01a1/status/more", False),
        ("builds/acme.x/#", False),
        ("builds/ac*/#", False),
        ("builds/a#", False),
        ("#", False),
        ("+/acme/#", False),
        ("+/+/+/status", False),
        ("projects/+/latest", False),
        ("projects/#", False),
        ("projects/acme/x/latest", False),
        ("workers/+/status", False),
        ("$SYS/#", False),
        ("$share/group/builds/acme/#", False),
        ("", False),
    ],
)
def test_one_subscribes_as_far_as_grants_cover(filter_: str, *, may: bool) -> None:
    assert may_read(GRANTS, filter_) is may


@pytest.mark.parametrize("filter_", ["#", "+/+/+/status", "workers/+/status", "projects/+/latest"])
def test_nobody_reads_more_than_builds(filter_: str) -> None:
    assert not may_read(EVERYTHING, filter_)
    assert may_read(EVERYTHING, "builds/#")


@pytest.mark.parametrize(
    ("topic", "may"),
    [
        *((f"builds/acme/01a1/{kind}", True) for kind in ("status", "progress", "error", "log")),
        *((f"builds/acme/01a1/{kind}", False) for kind in ("start", "stop", "other", "+", "#")),
        ("builds/other/01a1/status", False),
        ("builds/acme/01a1", False),
        ("builds/acme/01.a1/status", False),
        ("workers/ada/status", True),
        ("workers/ada-laptop/status", True),
        ("workers/adam/status", False),
        ("workers/bob/status", False),
        ("workers/ada-/../bob/status", False),
        ("workers/ada/hello", False),
        ("projects/acme/latest", False),
        ("recorders/ada/status", False),
    ],
)
def test_one_publishes_builds_of_ones_own_and_the_presence_of_ones_runners(
    topic: str, *, may: bool
) -> None:
    assert may_publish("ada", GRANTS, topic) is may


def test_without_a_grant_to_publish_there_is_no_presence() -> None:
    assert not may_publish("ada", Grants.parse(["viewer@*"]), "workers/ada/status")


@pytest.mark.parametrize("name", ["worker", "worker-1"])
def test_whoever_is_called_like_a_worker_has_no_presence(name: str) -> None:
    """That of a worker would be his: its builds would count as lost when he says so."""
    for worker in (name, f"{name}-1a2b3c4d"):
        assert not may_publish(name, GRANTS, f"workers/{worker}/status")


@pytest.mark.parametrize(
    ("client_id", "own"),
    [
        *(("ada", True), ("ada:phone", True), ("ada:", True)),
        *(("ada-phone", False), ("adam", False), ("bob", False), ("", False), ("bob:ada", False)),
    ],
)
def test_a_session_is_ones_own_by_its_client_id(client_id: str, *, own: bool) -> None:
    assert is_own_session("ada", client_id) is own
