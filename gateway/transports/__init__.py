"""The transports to watchers: socket.io by WebSocket or polling, and Server-Sent Events."""
