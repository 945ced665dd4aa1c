"""Connections to message brokers, by protocol, and brokers that we start ourselves.

`mqtt` and `amqp` have connections that are made again whenever they are lost; `local` starts the
embedded broker or a private RabbitMQ.
"""
