"""Everything that knows a broker.

`mqtt` and `amqp` are connections that heal themselves, `local` starts brokers of our own.
"""
