"""The stages of an account's pipelines, as its source lists them: in their order, also those without a deal."""

import logging
from typing import Final

from resolvers.listing import Stage
from store.stages import ListedStage, write_stages
from sync.account import Requests
from sync.job import Parts, Step
from sync.run import Counts

logger: Final = logging.getLogger("opportunity_graph.sync")


class Stages:
    """A `Job`: one page a step; all are written with the last one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._is_denied = False
        self._begin()

    def _begin(self) -> None:
        self._position: str | None = None
        self._found: list[Stage] = []
        self._is_whole = True

    async def step(self, counts: Counts) -> Step:
        """Read the next page. What an earlier run has found stays where the source does not let us, or fails."""
        parts, (source, account) = self._parts, self._parts.account.key
        list_stages, requests = parts.account.list_stages, Requests(source)
        assert list_stages is not None
        try:
            page = await requests.send(lambda fetch: list_stages(self._position, fetch))
        finally:
            counts.requests += requests.count
        if page is None:
            if not self._is_denied:  # once, for it is no fault
                logger.info(
                    "%s stages: may not be read by this account; what is known of them stays", parts.account.label
                )
            self._is_denied = True
            self._begin()
            return Step(is_done=True, is_impossible=True)
        self._is_denied = False
        counts.rows += len(page.stages)
        self._found += page.stages
        self._is_whole &= page.is_whole
        self._position = page.next
        if page.next is not None:
            return Step(is_done=False)
        listed = [
            ListedStage(
                source=source,
                account=account,
                stage_id=one.id,
                name=one.name,
                pipeline_id=one.pipeline_id,
                pipeline_name=one.pipeline_name,
                position=one.position,
            )
            for one in self._found
        ]
        is_whole = self._is_whole
        counts.changed += await parts.database.write(
            lambda connection: write_stages(connection, source, account, listed, is_whole=is_whole)
        )
        self._begin()
        return Step(is_done=True)
