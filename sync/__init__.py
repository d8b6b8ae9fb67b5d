"""What keeps the store current: sweeps, increments, deletions, customers' names."""
