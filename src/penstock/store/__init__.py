"""Where responses and their items live: one interface, and its keeping in SQLite or PostgreSQL."""
