"""What comes of trying a credential: a line for the operator."""

from dataclasses import dataclass
from typing import Final

from resolvers.errors import UpstreamError, UpstreamUnavailable

FAILURES: Final = {
    "UPSTREAM_UNAUTHORIZED": "refused",
    "UPSTREAM_FORBIDDEN": "refused",
    "UPSTREAM_RATE_LIMITED": "the ration of requests is used up, try again later",
    "UPSTREAM_TIMEOUT": "no answer in time",
    "UPSTREAM_UNAVAILABLE": "cannot be reached, or has a fault of its own",
    "UPSTREAM_BAD_RESPONSE": "something else came than was asked for: is the URL right?",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a credential or an address, in a few words, and whether all is well with it."""

    text: str
    is_usable: bool = True

    @classmethod
    def of_failure(cls, tried: str, failure: UpstreamError) -> "Finding":
        """Return what became of something that was tried and failed."""
        told = f"status {failure.status}" if failure.status is not None else ""
        if not told and failure.code == UpstreamUnavailable.code:
            told = failure.detail  # which never came from the source
        return cls(f"{tried}: {FAILURES[failure.code]}{f' ({told})' if told else ''}", is_usable=False)
