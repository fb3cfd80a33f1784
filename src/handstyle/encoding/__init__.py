"""A collection becomes a cache, encoded once, keyed by content."""
