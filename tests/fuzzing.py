"""How long is fuzzed: seconds, or as FUZZ_EXAMPLES says."""

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))

bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,  # a busy machine may take a while for any example
    database=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)

beside_databases = settings(bounded, max_examples=EXAMPLES // 2)
"""Of what is tried on each kind of store."""
