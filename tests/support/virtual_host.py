"""A virtual host on a RabbitMQ that other tests use too: its own queues, sessions and builds."""

from buildfeed.broker.amqp.topology import SESSION_POLICY
from support.rabbitmq import ControlledRabbitMQ


class VirtualHost:
    """The virtual host `name` on `broker`, set up like `/`. Other workers do not see its builds.

    `kill`, `stop` and `start` act on the whole broker.
    """

    def __init__(self, broker: ControlledRabbitMQ, name: str) -> None:
        self.mqtt_port, self.amqp_port = broker.mqtt_port, broker.amqp_port
        # RabbitMQ takes the virtual host of an MQTT client from its user name: `host:user`.
        self.mqtt_url = broker.mqtt_url.replace("mqtt://", f"mqtt://{name}%3A")
        self.amqp_url = broker.amqp_url + name
        self.kill, self.stop, self.start = broker.kill, broker.stop, broker.start
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        definitions = {
            "vhosts": [{"name": name}],
            "permissions": [{"user": broker.user, "vhost": name, **everything}],
            "policies": [{**SESSION_POLICY, "vhost": name}],
        }
        broker.manage("POST", "definitions", definitions)
