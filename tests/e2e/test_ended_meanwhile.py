"""A build that ended while its start waited keeps no worker busy that has no history."""

from support.own_builds import Own
from support.service import HTTP, Web, until
from support.workshop import by_another


def busy(gateway: Web, name: str) -> int:
    workers = HTTP.get(f"{gateway.url}/api/overview").json()["workers"]
    return next((int(each["running"]) for each in workers if each["worker"] == name), 1)


def test_a_worker_that_begins_what_has_ended_is_told_so(gateway: Web) -> None:
    script = {"seconds": 60, "steps": 600, "errors": []}
    until(lambda: busy(gateway, "w1") == 0, "the worker is idle")
    with Own(str(gateway.options["mqtt_url"])) as somebody:
        body = {"script": script, "delay": 2}
        answer = HTTP.post(f"{gateway.url}/api/projects/meanwhile/builds", json=body)
        build = answer.json()["build"]
        until(lambda: somebody.of(build), "the start is heard")
        start = somebody.of(build)[0]
        somebody.send(by_another(start, "Update", seq=3, status="failed"))
        gateway.until_status("meanwhile", build, "failed")
        until(lambda: [each for each in somebody.of(build) if each.worker == "w1"], "it begins")
        until(lambda: busy(gateway, "w1") == 0, "its slot is free long before the time is over")
        said = [each for each in somebody.of(build) if each.worker == "w1"]
    assert not any(each.object.ended for each in said)
    assert gateway.build("meanwhile", build)["status"] == "failed"
