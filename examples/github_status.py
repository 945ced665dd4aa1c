"""Show builds as statuses of their commits on GitHub, or a server with the same API.

    export BUILDFEED_BROKER=mqtts://ada:bf_…@HOST:8883    # or amqps://…
    export GITHUB_TOKEN=…                                 # may write commit statuses
    python examples/github_status.py acme octo/acme --page https://builds.example \
        --memory github_status.memory

The name of a build says which commit it is of: it begins with the 40 digits, as in
`1f7a…-2` for the second build of a commit. Other builds are left out. GitHub Enterprise has its
API at `--api https://HOST/api/v3`.
"""

import argparse
import json
import os
import re
import sys
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from buildfeed.errors import BuildfeedError
from buildfeed.subscribe import Change, SetAside, subscribe

STATES = {
    "queued": "pending",
    "running": "pending",
    "succeeded": "success",
    "failed": "failure",
    "stopped": "error",
}
COMMIT = re.compile(r"([0-9a-f]{40})(?![0-9a-z])")


class GitHub:
    """The statuses of one `repository`, by the API at the address `api`."""

    def __init__(self, api: str, repository: str, token: str, page: str | None) -> None:
        self._statuses = f"{api.rstrip('/')}/repos/{repository}/statuses"
        self._headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "User-Agent": "buildfeed",
        }
        self._page = page

    def show(self, change: Change) -> None:
        """Set the status of the commit of a build that has begun or ended."""
        commit = COMMIT.match(change.build.build)
        if commit and change.changed and change.kind == "status":
            self._post(f"{self._statuses}/{commit[1]}", self._status(change))

    def _status(self, change: Change) -> dict[str, str]:
        build = change.build
        errors = f", {build.errors} error{'s' if build.errors > 1 else ''}" if build.errors else ""
        status = {
            "state": STATES[build.status],
            "context": f"buildfeed/{build.project}",
            "description": f"{build.status}{errors}",
        }
        if self._page:
            address = f"{self._page.rstrip('/')}/projects/{build.project}/builds/{build.build}"
            status["target_url"] = address
        return status

    def _post(self, url: str, status: dict[str, str]) -> None:
        body = json.dumps(status).encode()
        request = Request(url, body, self._headers)  # noqa: S310 - the user's
        try:
            urlopen(request, timeout=10).close()  # noqa: S310
        except HTTPError as exc:
            exc.close()
            if exc.code >= HTTPStatus.INTERNAL_SERVER_ERROR or is_limited(exc):
                raise
            raise SetAside(f"GitHub answers {exc.code}") from exc


def is_limited(refusal: HTTPError) -> bool:
    """Tell whether GitHub refuses for now: it has rate limits, which it answers by 403 or 429."""
    headers = refusal.headers
    return "Retry-After" in headers or headers.get("X-RateLimit-Remaining") == "0"


def main() -> None:
    """Run until the end."""
    parser = argparse.ArgumentParser(description="Show builds as statuses of commits.")
    parser.add_argument("project", help="the project in Buildfeed")
    parser.add_argument("repository", help="OWNER/NAME at GitHub")
    parser.add_argument("--api", default="https://api.github.com", help="the address of the API")
    parser.add_argument("--page", help="the address of Buildfeed's page, to link to")
    parser.add_argument("--memory", help="a file that remembers over restarts what was shown")
    options = parser.parse_args()
    try:
        broker, token = os.environ["BUILDFEED_BROKER"], os.environ["GITHUB_TOKEN"]
    except KeyError as exc:
        parser.error(f"the variable {exc.args[0]} is not set")
    github = GitHub(options.api, options.repository, token, options.page)
    filter_ = f"builds/{options.project}/+/status"
    try:
        subscribe(broker, filter_, github.show, app="github-status", memory=options.memory)
    except BuildfeedError as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
