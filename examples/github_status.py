"""Show builds as statuses of their commits on GitHub, or a server with the same API.

    export BUILDFEED_BROKER=mqtts://ada:bf_…@HOST:8883    # or amqps://…
    export GITHUB_TOKEN=…                                 # may write commit statuses
    python examples/github_status.py acme octo/acme --page https://builds.example \
        --memory github_status.memory

A build says of which commit it is: by its URL, by its parameter `commit`, or by its name, which
begins with the 40 digits then. Other builds are left out.

    buildfeed run --url https://github.com/octo/acme/commit/$(git rev-parse HEAD) -- make
    buildfeed start acme -p commit=$(git rev-parse HEAD)

GitHub Enterprise has its API at `--api https://HOST/api/v3`.
"""

import argparse
import json
import os
import re
import sys

from buildfeed.activity import Build
from buildfeed.errors import BuildfeedError
from buildfeed.subscribe import Change, Endpoint, subscribe

STATES = {
    "queued": "pending",
    "running": "pending",
    "succeeded": "success",
    "failed": "failure",
    "stopped": "error",
}
COMMIT = re.compile(r"(?:^|/commit/)([0-9a-f]{40})(?![0-9a-z])")
HEADERS = {
    "Accept": "application/vnd.github+json",
    "Content-Type": "application/json",
    "X-GitHub-Api-Version": "2022-11-28",
}


def commit_of(build: Build) -> str | None:
    """Return the commit that a build is of, None if it does not say so."""
    parameters = build.parameters or {}
    for text in (build.url or "", parameters.get("commit", ""), build.build):
        if found := COMMIT.search(text):
            return found[1]
    return None


def status_of(build: Build, page: str | None) -> dict[str, str]:
    """Return the status of a commit. The texts of errors stay here: a repository may be public."""
    errors = f", {build.errors} error{'s' if build.errors > 1 else ''}" if build.errors else ""
    job = f"/{build.job}" if build.job and build.job != "default" else ""
    status = {
        "state": STATES[build.status],
        "context": f"buildfeed/{build.project}{job}",
        "description": f"{build.status}{errors}",
    }
    if page:
        address = f"{page.rstrip('/')}/projects/{build.project}/builds/{build.build}"
        status["target_url"] = address
    return status


def main() -> None:
    """Run until the end."""
    parser = argparse.ArgumentParser(description="Show builds as statuses of commits.")
    parser.add_argument("project", help="the project in Buildfeed")
    parser.add_argument("repository", help="OWNER/NAME at GitHub")
    parser.add_argument("--api", default="https://api.github.com", help="the address of the API")
    parser.add_argument("--page", help="the address of Buildfeed's page, to link to")
    parser.add_argument("--app", default="github-status", help="a name that no other app has")
    parser.add_argument("--memory", help="a file that remembers over restarts what was shown")
    options = parser.parse_args()
    try:
        broker, token = os.environ["BUILDFEED_BROKER"], os.environ["GITHUB_TOKEN"]
    except KeyError as exc:
        parser.error(f"the variable {exc.args[0]} is not set")

    def show(change: Change) -> None:
        commit = commit_of(change.build)
        if commit and change.changed and change.kind == "status":
            status = json.dumps(status_of(change.build, options.page)).encode()
            github.send(status, path=f"/repos/{options.repository}/statuses/{commit}")

    try:
        github = Endpoint(options.api, HEADERS | {"Authorization": f"Bearer {token}"})
        filter_ = f"builds/{options.project}/+/status"
        subscribe(broker, filter_, show, app=options.app, memory=options.memory)
    except BuildfeedError as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
