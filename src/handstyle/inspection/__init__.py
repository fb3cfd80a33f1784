"""Images and style are inspected before anyone sees them."""
