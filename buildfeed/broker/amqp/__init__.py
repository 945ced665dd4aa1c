"""An AMQP connection that is made again whenever it is lost; exchanges, queues and the stream."""
