"""Measures decisions about grants: microseconds of CPU time for each, without a network.

A principal with `--grants` grants is asked about topics, builds, projects and filters, of which
half are granted. Each figure is the median of several runs.
usage: python benchmarks/grants.py --help
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from buildfeed.grants import MOST, Grants
from buildfeed.topics import Filter, Topic

KINDS = "start", "status", "progress", "error", "log"
QUESTIONS = 2000


def questions(number: int, chance: random.Random) -> tuple[Grants, dict[str, list[Any]]]:
    """Return so many grants, and questions of each kind."""
    granted = [f"builder@p{each}" for each in range(number // 3)] or ["viewer@p0"]
    projects = max(2, 2 * len(granted))
    names = [f"p{chance.randrange(projects)}" for _ in range(QUESTIONS)]
    filters = [f"builds/{name}/+/{chance.choice(KINDS)}" for name in names]
    return Grants.parse(granted), {
        "may": [(each,) for each in names],
        "sees": [(each, "01a1") for each in names],
        "reads": [(Topic(each, "01a1", chance.choice(KINDS)),) for each in names],
        "narrow": [([Filter.parse(each)],) for each in filters],
        "narrow #": [([Filter.parse("#")],)] * QUESTIONS,
    }


def microseconds(ask: Callable[..., object], asked: Sequence[tuple[Any, ...]], runs: int) -> float:
    """Return the CPU time of a question."""
    found = []
    for _ in range(runs):
        began = time.process_time()
        for arguments in asked:
            ask(*arguments)
        found.append((time.process_time() - began) / len(asked) * 1e6)
    return statistics.median(found)


def main() -> None:
    """Measure, and print a line of JSON for each number of grants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grants", default=f"1,3,12,{MOST}", help="default: %(default)s")
    parser.add_argument("--runs", default=9, type=int, help="default: %(default)s")
    parser.add_argument("--seed", default=52, type=int, help="default: %(default)s")
    asked = parser.parse_args()
    for number in map(int, asked.grants.split(",")):
        grants, kinds = questions(number, random.Random(asked.seed))
        ask = {
            "may": lambda project, grants=grants: grants.may("start", project),
            "sees": grants.sees,
            "reads": grants.reads,
            "narrow": grants.narrow,
            "narrow #": grants.narrow,
        }
        figures = {
            kind: round(microseconds(ask[kind], some, asked.runs), 2)
            for kind, some in kinds.items()
        }
        print(json.dumps({"grants": len(list(grants)), "us": figures}), flush=True)


if __name__ == "__main__":
    main()
