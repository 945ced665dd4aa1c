"""Socket.IO 5 over Engine.IO 4 over a bare WebSocket: the light stack below the watchers."""
