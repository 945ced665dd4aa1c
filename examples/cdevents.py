"""Send builds as CDEvents 0.5.1 in CloudEvents, by HTTP in binary mode, to any sink of them.

    export BUILDFEED_BROKER=mqtts://ada:bf_…@HOST:8883    # or amqps://…
    python examples/cdevents.py 'builds/acme/#' https://sink.example/ \
        --page https://builds.example --memory cdevents.memory

A build is a `pipelinerun`: queued, started with each attempt, finished with its outcome. There is
no event of progress in CDEvents, so that is one of ours: `dev.cdeventsx.buildfeed-build.progressed`
whenever another 10 % are done.
"""

import argparse
import json
import os
import sys
from typing import Any

from buildfeed.activity import timestamp
from buildfeed.errors import BuildfeedError
from buildfeed.subscribe import Change, Endpoint, subscribe

OUTCOMES = {"succeeded": "success", "failed": "failure", "stopped": "cancel"}
QUEUED, STARTED, FINISHED = (
    f"dev.cdevents.pipelinerun.{predicate}.0.3.0" for predicate in ("queued", "started", "finished")
)
PROGRESSED = "dev.cdeventsx.buildfeed-build.progressed.0.1.0"
STEP = 10
"""Percents from one event of progress to the next."""

Event = dict[str, Any]


def type_of(change: Change) -> str | None:
    """Return the type of the event that tells of a change, None if none does."""
    if change.ended:
        return FINISHED
    if not change.changed or change.state.ended:
        return None
    if change.kind in ("start", "status"):
        return QUEUED if change.kind == "start" else STARTED
    before = change.before.newest.object.progress if change.before else 0
    return PROGRESSED if change.build.progress // STEP > before // STEP else None


def event(change: Change, type_: str, page: str | None) -> Event:
    """Return the CDEvent; its id is that of the activity, so that a repetition is known."""
    build = change.build
    facts = {name: getattr(build, name) for name in ("progress", "errors", "attempt")}
    uri = f"{page.rstrip('/')}/projects/{build.project}/builds/{build.build}" if page else build.id
    known: Event = {"pipelineName": build.project, "uri": uri}  # both are required of a start
    content = facts if type_ is PROGRESSED else known
    if type_ is FINISHED:
        content["outcome"] = OUTCOMES[build.status]
        if build.error:
            content["errors"] = build.error
    context = {"specversion": "0.5.1", "id": change.activity.id, "source": "/buildfeed"}
    context |= {"type": type_, "timestamp": timestamp(change.activity.published)}
    subject = {"id": f"{build.project}/{build.build}", "source": "/buildfeed", "content": content}
    found: Event = {"context": context, "subject": subject}
    return found if type_ is PROGRESSED else found | {"customData": facts}


def headers(sent: Event) -> dict[str, str]:
    """Return what CloudEvents say in headers, in binary mode."""
    context = sent["context"]
    found = {f"ce-{name}": context[name] for name in ("id", "source", "type")}
    found |= {"ce-specversion": "1.0", "ce-time": context["timestamp"]}
    return found | {"ce-subject": sent["subject"]["id"], "Content-Type": "application/json"}


def main() -> None:
    """Run until the end."""
    parser = argparse.ArgumentParser(description="Send builds as CDEvents.")
    parser.add_argument("filter", help="which builds: builds/acme/#")
    parser.add_argument("sink", help="the address that takes CloudEvents")
    parser.add_argument("--page", help="the address of Buildfeed's page, to link to")
    parser.add_argument("--app", default="cdevents", help="a name that no other app has")
    parser.add_argument("--memory", help="a file that remembers over restarts what was sent")
    options = parser.parse_args()

    def send(change: Change) -> None:
        if type_ := type_of(change):
            found = event(change, type_, options.page)
            sink.send(json.dumps(found).encode(), headers(found))

    if not (broker := os.environ.get("BUILDFEED_BROKER")):
        parser.error("the variable BUILDFEED_BROKER is not set")
    try:
        sink = Endpoint(options.sink)
        subscribe(broker, options.filter, send, app=options.app, memory=options.memory)
    except BuildfeedError as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
