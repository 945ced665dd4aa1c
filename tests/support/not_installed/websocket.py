raise ImportError("an install has no websocket, which only tests need")
