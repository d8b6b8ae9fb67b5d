"""What is known of all deals: a copy of both sources that can be rebuilt, in SQLite or PostgreSQL."""
