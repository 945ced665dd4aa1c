"""Brokers that we start ourselves, the embedded one and a private RabbitMQ, and their ports."""
