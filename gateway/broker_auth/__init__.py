"""What RabbitMQ asks the gateway about those who log in with a token, and the answers."""
