"""Tell a webhook, ntfy or Slack about first errors and endings of builds.

    export BUILDFEED_BROKER=mqtts://ada:bf_…@HOST:8883    # or amqps://…
    export NOTIFY_URL=https://ntfy.example/our-builds     # both are secrets, so not in the command
    python examples/notify.py 'builds/acme/#' --as ntfy --memory notify.memory

A server that is away or too busy is asked again, for 10 minutes; what it refuses is set aside. An
ntfy server with users takes https://USER:PASSWORD@… or, with an access token, https://:TOKEN@….
"""

import argparse
import json
import os
import sys

from buildfeed.errors import BuildfeedError
from buildfeed.subscribe import Change, Endpoint, subscribe
from buildfeed.text import printable

Message = dict[str, object]
MOST = 1000
"""Characters of an error: ntfy makes a file of a message over 4096 bytes."""


def sentence(change: Change) -> str:
    """Return what happened, in a line for people."""
    build = change.build
    text = f"{build.project} {build.build} {build.status}"
    if build.errors:
        text += f", {build.errors} error{'s' if build.errors > 1 else ''}"
    return text + (f": {printable(build.error)[:MOST]}" if build.error else "")


def webhook(change: Change) -> Message:
    """Return the facts."""
    build = change.build
    facts = {name: getattr(build, name) for name in ("project", "build", "status", "errors")}
    return facts | {"id": change.activity.id, "text": sentence(change)}


def ntfy(change: Change) -> Message:
    """Return a message as JSON for the root of an ntfy server, which takes any letter."""
    bad = bool(change.build.errors) or change.build.status == "failed"
    title = f"{change.build.project}: {change.build.status}"
    topic = os.environ["NOTIFY_URL"].rpartition("/")[2]
    tags, priority = ("x" if bad else "heavy_check_mark"), (4 if bad else 3)
    message = {"topic": topic, "title": title, "message": sentence(change)}
    return message | {"tags": [tags], "priority": priority}


def slack(change: Change) -> Message:
    """Return a message for an incoming webhook, which reads &, <, > and, unasked, * and _."""
    text = sentence(change).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": text, "mrkdwn": False}


SHAPES = {"webhook": webhook, "ntfy": ntfy, "slack": slack}


def is_news(change: Change) -> bool:
    """Tell whether somebody wants to know: a build has ended, or has its first error."""
    before = change.before.newest.object.errors if change.before else 0
    return change.ended or (
        change.changed and not change.state.ended and change.build.errors > before == 0
    )


def main() -> None:
    """Run until the end."""
    parser = argparse.ArgumentParser(description="Tell about builds.")
    parser.add_argument("filter", help="which builds: builds/acme/#")
    parser.add_argument("--as", dest="shape", choices=SHAPES, default="webhook")
    parser.add_argument("--app", default="notify", help="a name that no other app has")
    parser.add_argument("--memory", help="a file that remembers over restarts what was told")
    options = parser.parse_args()
    try:
        broker, url = os.environ["BUILDFEED_BROKER"], os.environ["NOTIFY_URL"]
    except KeyError as exc:
        parser.error(f"the variable {exc.args[0]} is not set")
    if options.shape == "ntfy":
        url, _, topic = url.rpartition("/")
        if not topic:
            parser.error("the variable NOTIFY_URL ends in a topic: https://ntfy.example/our-builds")

    def tell(change: Change) -> None:
        if is_news(change):
            message = json.dumps(SHAPES[options.shape](change)).encode()
            server.send(message, {"Content-Type": "application/json"})

    try:
        server = Endpoint(url)
        subscribe(broker, options.filter, tell, app=options.app, memory=options.memory)
    except BuildfeedError as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
