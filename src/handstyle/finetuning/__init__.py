"""A cache becomes a trained style."""
