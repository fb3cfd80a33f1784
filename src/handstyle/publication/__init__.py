"""An inspected style becomes a release that anyone can verify."""
