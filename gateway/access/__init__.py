"""Access: the hosts and origins that are answered, and the clients served without a login."""
