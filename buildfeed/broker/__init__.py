"""Everything that knows a broker: links that heal themselves, queues, and brokers to start.

`mqtt` and `amqp` connect, `topology` names what is asserted on RabbitMQ, `embedded` and
`rabbitmq` start a broker of our own.
"""
