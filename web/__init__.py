"""How a request comes in. Starlette only: neither the graph nor the sources are known here."""
