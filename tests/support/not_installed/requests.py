raise ImportError("an install has no requests, which only tests need")
