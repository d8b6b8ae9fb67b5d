"""The flags of `server.py`."""

import argparse
from collections.abc import Sequence


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags that were given, without arguments those of the process; ends it where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="server.py",
        description="Serve the opportunity graph. Settings come from the environment and .env: docs/operating.md.",
    )
    parser.add_argument("--host", help="address to listen on (HOST, else 127.0.0.1)")
    parser.add_argument("--port", help="port to listen on, 0 for any free one (PORT, else 8000)")
    parser.add_argument("--workers", help="processes to serve with, on one machine (WORKERS, else 1)")
    parser.add_argument("--demo", action="store_true", help="serve simulated sources; no credentials needed")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="SOURCE=FAULT",
        help="let a simulated source fail, such as nexudus=500; may be given several times",
    )
    parser.add_argument(
        "--check-config",
        action="store_true",
        help="check the settings and the store, and exit",
    )
    parser.add_argument(
        "--online",
        action="store_true",
        help="with --check-config: try every credential once, and say what it may do; status 1 where any is refused",
    )
    return parser.parse_args(arguments)
