raise ImportError("an install has no aiohttp, which only tests need")
