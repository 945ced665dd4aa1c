"""Links to our own paths, as the clients of a proxy reach them."""

from starlette.requests import Request

from gateway.access.access import Access
from gateway.access.paths import Paths


class Links:
    """Writes links; `paths` knows the root, `access` the origins that browsers use."""

    def __init__(self, access: Access, paths: Paths) -> None:
        self._access = access
        self._paths = paths

    def path(self, own: str) -> str:
        """Return the path of one of our own paths, below the root."""
        return f"{self._paths.root}{own}"

    def here(self, request: Request) -> str:
        """Return the URL of a request, without its query."""
        address = self._access.address(request.headers.get("host", ""))
        url = request.url.replace(path=self.path(request.url.path), query="")
        return f"{address}{url.path}" if address else str(url)

    def url(self, request: Request, path: str) -> str:
        """Return the URL of a path, which is below the root already, at the host of a request."""
        address = self._access.address(request.headers.get("host", ""))
        return f"{address}{path}" if address else str(request.url.replace(path=path, query=""))

    def is_named(self, request: Request) -> bool:
        """Tell whether the operator has said that browsers reach the host of a request."""
        return self._access.address(request.headers.get("host", "")) is not None

    def is_secure(self, request: Request) -> bool:
        """Tell whether browsers reach the host of a request by https, as far as was said."""
        address = self._access.address(request.headers.get("host", ""))
        return (address.scheme if address else request.url.scheme) == "https"
