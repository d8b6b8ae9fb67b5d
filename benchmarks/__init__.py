"""This server side by side with what people would pick instead; `docs/performance.md` has what came of it."""
