"""One AMQP connection that heals itself, and what it asserts: exchanges, queues, stream."""
