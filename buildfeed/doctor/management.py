"""The management API of RabbitMQ, as far as the examination reads it."""

import base64
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from buildfeed.doctor.unreachable import Unreachable
from buildfeed.doctor.web import Answer, Site

_OK, _UNAUTHORIZED = 200, 401


class Management:
    """The API at `http://user:password@host:15672`, for one virtual host."""

    def __init__(self, url: str, vhost: str = "/") -> None:
        parts = urlsplit(url)
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        basic = base64.b64encode(login.encode()).decode()
        self._site = Site(url, {"Authorization": f"Basic {basic}"})
        self._vhost = quote(vhost, safe="")

    def ask(self, path: str) -> Answer:
        """Return the answer to a question, with `{vhost}` in its path; raises Unreachable."""
        answer = self._site.ask(f"/api/{path.format(vhost=self._vhost)}")
        if answer.status == _UNAUTHORIZED:
            raise Unreachable("it refuses this user: it needs the tag monitoring or administrator")
        if answer.status != _OK:
            raise Unreachable(f"it answers {answer.status} at /api/{path}")
        return answer

    def get(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        """Return the document at a path; raises Unreachable."""
        return self.ask(path).json()

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the list at a path; raises Unreachable."""
        found = self.get(path)
        if not isinstance(found, list):
            raise Unreachable(f"it tells no list at /api/{path}")
        return [each for each in found if isinstance(each, dict)]
