"""Where the parts of an installation are. Pure."""

import msgspec


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The URLs of the parts; what is absent is not examined.

    Each of `mqtt_urls` is of another user of one broker. `token` is shown to the gateway.
    `oidc_issuer` is the URL of the OpenID provider.
    """

    mqtt_urls: tuple[str, ...] = ()
    amqp_url: str | None = None
    management_url: str | None = None
    database_url: str | None = None
    url: str | None = None
    token: str = ""
    oidc_issuer: str | None = None

    @property
    def any(self) -> bool:
        """Whether there is anything to examine."""
        urls = self.amqp_url, self.management_url, self.database_url, self.url, self.oidc_issuer
        return bool(self.mqtt_urls or any(urls))
