"""How watchers hear: socket.io by WebSocket or polling, and Server-Sent Events."""
