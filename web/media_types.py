"""Which of the two media types an answer is sent as (GraphQL over HTTP, 6.2; RFC 9110, 12.5.1)."""

from functools import lru_cache

from web.parameters import JSON
from web.problems import HTTPProblem

RESPONSE_JSON = "application/graphql-response+json"


def wants_page(accepted: str) -> bool:
    """Whether a browser opens the address, rather than a program."""
    return "text/html" in accepted and "json" not in accepted


@lru_cache(maxsize=64)
def media_type(accepted: str) -> str:
    """Return the media type to answer with, the more modern one where the client accepts both alike.

    Raises `HTTPProblem`.
    """
    quality = dict.fromkeys((RESPONSE_JSON, JSON), 0.0)
    for entry in accepted.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        q = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        charset = next((p[8:].strip('"') for p in parameters if p.startswith("charset=")), "utf-8")
        try:
            weight = float(q) if charset in ("utf-8", "utf8") else 0.0
        except ValueError:
            weight = 0.0
        for found in [JSON] if name in ("*/*", "application/*") else [name]:
            if found in quality:
                quality[found] = max(quality[found], weight)
    best = max(quality, key=lambda found: quality[found])
    if not quality[best] > 0:
        raise HTTPProblem(406, f"This endpoint answers with {RESPONSE_JSON} or {JSON}.")
    return best
