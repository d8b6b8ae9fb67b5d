"""An HTTP/1.1 client on aiohttp's connector."""
