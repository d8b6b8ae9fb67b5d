"""Who may call, how much, and what callers may see: the settings, and what they make."""
