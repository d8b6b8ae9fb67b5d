"""The GraphiQL page."""
