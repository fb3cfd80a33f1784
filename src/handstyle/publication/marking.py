"""What does a picture go through before it may be written to disk?

A watermark from 256 pixels up, then the signed record, then a credential where the extra is installed. Everything that
is drawn here takes this way; no other writes a picture that a model made.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from handstyle import digests, keys
from handstyle.generation.signature import MadeFrom, Watermark, signed_png
from handstyle.publication import credentials
from handstyle.publication.certificates import credentials_of
from handstyle.publication.credentials import Model

ID = 3  # bytes of the key's and of the model's digest


@dataclass(frozen=True)
class Marking:
    """By whose key, and, for pictures that leave the house, with which credentials."""

    key: Ed25519PrivateKey
    models: Sequence[Model] | None = None  # None: no credential, so that the same picture is the same file

    def __call__(self, image: Image.Image, made: MadeFrom) -> bytes:
        image, watermark = marked(image, payload_of(keys.fingerprint(self.key.public_key()), made), made.painted)
        data = signed_png(image, made, self.key, watermark)
        if self.models is None:
            return data
        return credentials.with_credential(data, made, self.models, credentials_of(self.key), watermark)


def marked(
    image: Image.Image, payload: bytes, painted: Image.Image | None = None
) -> tuple[Image.Image, Watermark | None]:
    """The picture with its mark, which is read again before it is claimed. Where a model painted into a picture the
    mark lies there alone, and is none where that is too little to hold it."""
    from handstyle.publication import watermark

    if min(image.size) < watermark.SMALLEST_SIDE:
        return image, None
    with_mark = watermark.mark(image, payload)
    if painted is not None and painted.size == image.size:
        with_mark = Image.composite(with_mark, image, painted)
    found = watermark.find(with_mark)
    if found is None or found.payload != payload:
        return image, None  # nothing in it holds a mark; the record says that there is none
    return with_mark, Watermark(method=watermark.METHOD, payload=payload.hex())


def payload_of(fingerprint: str, made: MadeFrom) -> bytes:
    """Who signed, and what drew: three bytes each."""
    return key_id(fingerprint) + bytes.fromhex(model_of(made.base, made.styles))[:ID]


def key_id(fingerprint: str) -> bytes:
    """Of a fingerprint as `ssh-keygen -l` prints it."""
    return base64.b64decode(fingerprint.removeprefix("SHA256:") + "=")[:ID]


def model_of(base: str, styles: Sequence[str]) -> str:
    """A digest: of the one style's tensors, of the base where none is worn, of all of them where there are several."""
    if len(styles) == 1:
        return styles[0]
    return digests.of_json([base, *sorted(styles)]) if styles else base


def is_id_of(payload: bytes, fingerprint: str) -> bool:
    return payload[:ID] == key_id(fingerprint)
