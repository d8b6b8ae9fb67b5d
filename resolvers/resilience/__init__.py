"""What bounds a request to a source: rates, places, time, retries, circuit breaker."""
