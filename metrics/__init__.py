"""What the server counts and measures, for Prometheus and the status page. See README.md."""
