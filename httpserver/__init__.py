"""HTTP/1.1 under uvicorn: framing, limits, eager start, drain. Knows no GraphQL."""
