"""Gateway processes as operators see them, read from the metrics that each tells."""

import pytest

from gateway.operations.metrics import Metrics
from gateway.operations.processes import Process, process, processes
from gateway.state.counters import Counters
from support.a_process import VITALS
from support.builders import accept
from support.scene import Scene


def told(*workers: str) -> str:
    scene, counters = Scene(), Counters()
    counters.starts["accepted"] += 2
    for worker in workers:
        activity = accept(worker=worker)
        counters.receive(activity, scene.live.board)
        scene.receive(activity)
    return Metrics(scene.live, counters, lambda: VITALS).text()


def test_a_process_is_what_its_metrics_say() -> None:
    seen = process("11", told("w1"))
    assert (seen.process, seen.ready, seen.broker_up) == ("11", True, False)
    assert (seen.broker_lag_ms, seen.loop_lag_ms) == (4, 20)
    assert (seen.watchers, seen.stuck) == ({"socketio": 7, "sse": 2}, 1)
    assert (seen.sent, seen.merged, seen.refused, seen.received) == (100, 30, 3, 1)
    assert (seen.starts["accepted"], seen.stops["accepted"]) == (2, 0)
    assert (seen.connections, seen.connections_refused) == (
        9,
        {"total": 5, "address": 6, "principal": 7},
    )
    assert seen.limits_reached == {"messages-per-second": 2}
    assert seen.failed_sign_ins == {"failed": 11, "refused": 12}
    assert seen.memory > 0
    assert seen.started > 1_700_000_000


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", '"}\n'])
def test_the_name_of_a_worker_is_no_line_of_its_own(end: str) -> None:
    seen = process("11", told(f"w{end}buildfeed_states_merged_total 7.0{end}"))
    assert seen.merged == 30


def test_of_a_text_without_metrics_everything_is_nothing() -> None:
    seen = process("11", "a moment ago")
    assert (seen.ready, seen.watchers, seen.memory) == (False, {}, 0)


def test_they_are_in_the_order_of_their_numbers() -> None:
    seen: list[Process] = processes({"100": "", "99": "", "20": ""})
    assert [each.process for each in seen] == ["20", "99", "100"]
