"""Push how long builds took to a Pushgateway of Prometheus.

    export BUILDFEED_BROKER=mqtts://ada:bf_…@HOST:8883    # or amqps://…
    python examples/prometheus_push.py 'builds/+/+/status' http://pushgateway.example:9091 \
        --memory prometheus_push.memory

Each job of a project is a group, with the gauges of its build that ended last. A build that never
ran, as it was stopped before, has no duration, and is left out.
"""

import argparse
import os
import sys

from buildfeed.activity import Build
from buildfeed.errors import BuildfeedError
from buildfeed.subscribe import Change, Endpoint, subscribe

HEADERS = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
STATUSES = ("succeeded", "failed", "stopped")


def metrics(build: Build) -> str | None:
    """Return the metrics of a build that has ended, in the text format; None if it never ran."""
    if not build.start_time or not build.end_time:
        return None
    ended = build.end_time.timestamp()
    seconds = max(ended - build.start_time.timestamp(), 0)  # clocks are set
    statuses = {f'{{status="{each}"}}': float(each == build.status) for each in STATUSES}
    lines = [
        *gauge("duration_seconds", "How long the build took that ended last.", {"": seconds}),
        *gauge("errors", "Errors of the build that ended last.", {"": build.errors}),
        *gauge("end_time_seconds", "When it ended, in Unix time.", {"": ended}),
        *gauge("status", "1 for the status of the build that ended last.", statuses),
    ]
    return "\n".join(lines) + "\n"


def gauge(name: str, help_: str, values: dict[str, float]) -> list[str]:
    """Return the lines of a metric, with a value for each set of labels."""
    metric = f"buildfeed_last_build_{name}"
    samples = [f"{metric}{labels} {value}" for labels, value in values.items()]
    return [f"# HELP {metric} {help_}", f"# TYPE {metric} gauge", *samples]


def main() -> None:
    """Run until the end."""
    parser = argparse.ArgumentParser(description="Push durations of builds.")
    parser.add_argument("filter", help="which builds: builds/+/+/status")
    parser.add_argument("gateway", help="the address of the Pushgateway")
    parser.add_argument("--app", default="prometheus-push", help="a name that no other app has")
    parser.add_argument("--memory", help="a file that remembers over restarts what was pushed")
    options = parser.parse_args()

    def tell(change: Change) -> None:
        if change.ended and (text := metrics(change.build)):
            project, job = change.build.project, change.build.job or "default"
            group = f"/metrics/job/buildfeed/project/{project}/build_job/{job}"  # of harmless names
            gateway.send(text.encode(), path=group, method="PUT")  # replaces the whole group

    if not (broker := os.environ.get("BUILDFEED_BROKER")):
        parser.error("the variable BUILDFEED_BROKER is not set")
    try:
        gateway = Endpoint(options.gateway, HEADERS)
        subscribe(broker, options.filter, tell, app=options.app, memory=options.memory)
    except BuildfeedError as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
