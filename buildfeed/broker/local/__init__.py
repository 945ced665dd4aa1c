"""Brokers that we start ourselves: the embedded one, a private RabbitMQ, and ports for them."""
