"""How a query is executed: documents, compiler, limits. Knows no opportunity."""
