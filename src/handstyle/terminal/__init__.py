"""The six verbs on the command line."""
