"""Images become a collection: works, captions, rights."""
