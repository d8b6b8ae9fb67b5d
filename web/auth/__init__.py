"""Who calls, and which pages may."""
