"""With which key and whose credentials is a picture marked?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from handstyle.loading import collection_named
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from handstyle.generation.generate import Worn
    from handstyle.publication.marking import Marking


def own_mark() -> Marking:
    """For pictures that stay at home or inside a page. Raises WriteFailed where this person has no key."""
    from handstyle import keys
    from handstyle.publication.marking import Marking

    return Marking(keys.own_key())


def marking(workspace: Workspace, worn: Sequence[Worn], secret: Ed25519PrivateKey, *, keep: bool) -> Marking:
    """With the credentials of the styles, where the extra is installed. `keep` the certificate of one's own key."""
    from handstyle.finetuning.foreign_style import ForeignStyle
    from handstyle.finetuning.trained_style import WEIGHTS
    from handstyle.publication import certificates, credentials
    from handstyle.publication.marking import Marking

    if not credentials.is_installed():
        return Marking(secret)
    signing = certificates.credentials_of(secret)
    if keep:
        certificates.keep_own(signing)
    models = []
    for item in worn:
        if isinstance(item.style, ForeignStyle):
            continue  # nobody here can say what it was made from: a picture names it by its digest
        assert item.folder is not None, "what is worn here was found in a folder"
        named = filter(None, (item.style.collection, item.style.class_images))
        collections = [collection_named(workspace, digest) for digest in named]
        models.append(credentials.kept(workspace.credentials, item.folder / WEIGHTS, item.style, collections, signing))
    return Marking(secret, models)
