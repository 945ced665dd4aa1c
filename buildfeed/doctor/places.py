"""Where the parts of an installation are. Pure."""

import msgspec


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The URLs of the parts; what is absent is not examined.

    Each of `mqtt_urls` is of another user of one broker. `token` is shown to the gateway.
    """

    mqtt_urls: tuple[str, ...] = ()
    amqp_url: str | None = None
    management_url: str | None = None
    database_url: str | None = None
    url: str | None = None
    token: str = ""

    @property
    def any(self) -> bool:
        """Whether there is anything to examine."""
        return bool(
            self.mqtt_urls or self.amqp_url or self.management_url or self.database_url or self.url
        )
