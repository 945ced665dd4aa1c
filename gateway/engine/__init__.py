"""Socket.IO 5 over Engine.IO 4, by WebSocket or polling: the light stack below the watchers."""
