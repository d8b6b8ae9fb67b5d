"""Fetching across requests: scheduler, fair queue, shared fetches, record cache."""
