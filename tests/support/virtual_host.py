"""A virtual host of a RabbitMQ that others use too: queues, sessions and builds of its own."""

import json
from pathlib import Path

from buildfeed.broker.amqp.topology import SESSION_POLICY
from support.rabbitmq import ControlledRabbitMQ


class VirtualHost:
    """`name` on `broker`, set up as `/` is; nobody else's worker takes its builds, nor hears them.

    To kill, stop and start it is to do that to the whole broker.
    """

    def __init__(self, broker: ControlledRabbitMQ, name: str, directory: Path) -> None:
        self.mqtt_port, self.amqp_port = broker.mqtt_port, broker.amqp_port
        # RabbitMQ takes the virtual host of an MQTT client from its user name: `host:user`.
        self.mqtt_url = broker.mqtt_url.replace("mqtt://", f"mqtt://{name}%3A")
        self.amqp_url = broker.amqp_url + name
        self.kill, self.stop, self.start = broker.kill, broker.stop, broker.start
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        definitions = directory / f"{name}.json"
        definitions.write_text(
            json.dumps(
                {
                    "vhosts": [{"name": name}],
                    "permissions": [{"user": broker.user, "vhost": name, **everything}],
                    "policies": [{**SESSION_POLICY, "vhost": name}],
                }
            )
        )
        broker.ctl("import_definitions", str(definitions))
