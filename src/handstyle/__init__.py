"""DreamBooth with the artist's permission in it.

An image travels down the listing: collection, encoding, finetuning, generation, inspection, publication, on a base
model from `diffusion`. `stages` holds the six verbs end to end: read it first. `terminal` is their command line.
`errors`, `digests`, `records`, `workspace`, `keys` and `envelopes` are the ground floor. A module imports only from
what stands above it.
"""

__version__ = "0.1.0"
