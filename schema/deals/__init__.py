"""Lists and totals of deals, asked of the store."""
