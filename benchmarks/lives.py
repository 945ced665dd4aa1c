"""Made-up activities, as many as a benchmark asks for."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from buildfeed import command
from buildfeed.activity import Activity, Script, Type, worker_actor

AT_A_TIME = 50
TICKS = 13
NOW = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)


def interleaved(count: int, ticks: int = TICKS) -> Iterator[Activity]:
    """Yield `count` activities of builds, 50 at a time; a build has `ticks` + 3 activities."""
    made = 0
    while made < count:
        lives = [life(made + number, ticks) for number in range(AT_A_TIME)]
        for step in zip(*lives, strict=True):
            for activity in step:
                if made == count:
                    return
                made += 1
                yield activity


def life(number: int, ticks: int = TICKS, *, ends: bool = True) -> list[Activity]:
    """Return the activities of build `number`, from its start to its ending if it `ends`."""
    project = f"project-{number % 10}"
    wish: dict[str, Any] = {"by": "ada", "script": Script(), "priority": "normal"}
    said = [command.start(project, f"{number:032x}", NOW, **wish)]

    def say(type_: Type, **changes: Any) -> None:  # noqa: ANN401 - fields of a build
        state = structs.replace(said[-1].object, attempt=1, seq=len(said) - 1, **changes)
        said.append(Activity.about(state, type_, worker_actor("worker-1"), NOW))

    say("Accept", status="running", start_time=NOW)
    for tick in range(ticks):
        say("Update", progress=tick * 100 // ticks)
    if ends:
        say("Update", status="succeeded", progress=100, end_time=NOW)
    return said
