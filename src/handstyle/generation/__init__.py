"""A trained style becomes images."""
