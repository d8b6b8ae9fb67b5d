"""How a query is executed: documents, limits, two executors. README.md says how it hangs together."""
