"""Prints the schema: `python -m schema.export` writes `schema.graphql`, `--check` tells whether it is current."""

import sys
from pathlib import Path

from schema import build_schema

FILE = Path(__file__).parent.parent / "schema.graphql"
RENEW = "schema.graphql is not what the code serves. Renew it with: make schema"


def printed() -> str:
    """Return the schema in GraphQL's schema definition language, as `_service { sdl }` gives it."""
    return build_schema().as_str() + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or check it; return the exit status."""
    if "--check" not in arguments:
        FILE.write_text(printed(), encoding="utf-8")
        return 0
    current = FILE.exists() and FILE.read_text(encoding="utf-8") == printed()
    if not current:
        print(RENEW, file=sys.stderr)
    return 0 if current else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
