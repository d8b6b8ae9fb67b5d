"""Traces by OpenTelemetry: off, and not even loaded, unless its standard variables say where to. See README.md."""
