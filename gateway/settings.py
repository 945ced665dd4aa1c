"""What a gateway process can be told; built once, in `__main__`."""

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `buildfeed gateway`.

    Without `amqp_url` commands travel by MQTT, as the embedded default has it. `origins` are
    web origins allowed besides the gateway's own, `starts_per_minute` is what each project may.
    """

    mqtt_url: str
    amqp_url: str | None
    database_url: str
    host: str
    port: int
    origins: tuple[str, ...] = ()
    starts_per_minute: int = 600
