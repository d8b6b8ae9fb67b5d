"""What an operator sets for each source, whichever it is."""

import re
from collections.abc import Iterable
from typing import Annotated, Final

from msgspec import Meta

from resolvers.fetching.record_cache import CacheSettings
from resolvers.settings import check_url

ID_IN_URL: Final = "{sourceId}"
"""Stands for a record's id in the address of its page."""


class SourceSettings(CacheSettings, frozen=True, kw_only=True):
    """Where a source is, the credentials for it, and how long its records are kept.

    `record_url`: where people see a record in the vendor's own program; `{sourceId}` stands for its id.
    `rationed`: whether the source's documented rates are kept. Off only for a source that has none, such as a mock.
    `concurrency`: how many requests run at once, if not as many as the source's own module says.
    """

    record_url: str | None = None
    rationed: bool = True
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] | None = None

    def problems(self) -> Iterable[str]:
        """Yield a pattern of addresses that is none."""
        if self.record_url is not None and (fault := _check_pattern(self.record_url)):
            yield f"{self.prefix.upper()}RECORD_URL: {fault}"

    @property
    def interpretation(self) -> str:
        """What of these settings the records say something else by, and with them what is stored; empty for nothing."""
        return ""

    @property
    def is_configured(self) -> bool:
        """Whether there are credentials to ask the source with."""
        raise NotImplementedError  # each source says what it needs


def _check_pattern(text: str) -> str | None:
    """Return what is wrong with a pattern of addresses, or None."""
    host = re.match(r"https?://[\w.:-]+(?=/[!-~]*\Z)", text, re.ASCII)
    if not host or check_url(host[0]) or text.count(ID_IN_URL) != 1 or text.find(ID_IN_URL) < text.index("/", 8):
        return f"must be a URL like https://host/path/{ID_IN_URL}, in which {ID_IN_URL} stands for the record's id"
    return None
