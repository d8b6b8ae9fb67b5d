"""THE list of sources. A third source is one line here; `docs/adding-a-source.md` names the rest."""

from resolvers.chartmogul import CHARTMOGUL
from resolvers.nexudus import NEXUDUS
from resolvers.source import Source

SOURCES: tuple[Source, ...] = (NEXUDUS, CHARTMOGUL)
