"""HTTP/1.1 under uvicorn: framing, limits, a fast path, a drain. Knows no GraphQL."""
