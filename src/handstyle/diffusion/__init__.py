"""The base models; the only folder that knows one family from another."""
