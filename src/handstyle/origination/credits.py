"""Who made the works a base was made from, and under which licence?"""

from __future__ import annotations

import json
from collections import Counter

from handstyle.collection.licence_expressions import terms_of
from handstyle.collection.works import Collection
from handstyle.errors import RightsMissing


def require_free(collection: Collection, *, share_alike: bool = False) -> None:
    """Raises RightsMissing naming every permission that would bind the base, or that leaves open what it permits."""
    faults = []
    for rights in collection.rights.values():
        if rights.licence and not share_alike and terms_of(rights.licence, rights.licence_choice).share_alike:
            faults.append(f"{rights.author}: {rights.licence} asks that what is made from the works is shared alike")
        if missing := [use for use in ("train", "publish-model") if use not in rights.permits]:
            faults.append(f"{rights.author}: {rights.source_of_permission} does not permit {' or '.join(missing)}")
    if faults:
        raise RightsMissing(
            "not all works may go into a base that is given to others",
            faults=faults,
            hint="Leave their works out, or ask for permission; --share-alike takes what is to be shared alike.",
        )


CLAIMS = {
    "open-licence": "openly licensed",
    "own-work": "own",
    "written-permission": "consented",
    "consent": "consented",
}


def claim(collection: Collection) -> str:
    """What a base says in a word or two of the permissions for its works."""
    return " and ".join(sorted({CLAIMS[rights.basis] for rights in collection.rights.values()}))


def lines(collection: Collection) -> str:
    """JSON Lines: of each work its artist, licence, source, and the digests of file and pixels."""
    rows = []
    for work in collection.works:
        rights = collection.rights_of(work)
        row = {
            "work": work.name,
            "artist": rights.author,
            "licence": rights.licence or rights.basis,
            "source": rights.source or "",
            "file_sha256": work.file_sha256,
            "pixels_sha256": work.pixels_sha256,
        }
        rows.append(json.dumps(row, ensure_ascii=False))
    return "\n".join(rows) + "\n"


def thanks(collection: Collection) -> list[str]:
    """A line for each artist: what the licence asks to be named, and how many works there are."""
    counts = Counter(work.rights for work in collection.works)
    found = []
    for key, rights in sorted(collection.rights.items(), key=lambda item: item[1].author):
        where = f", {rights.source}" if rights.source else ""
        found.append(f"{rights.author}: {counts[key]} works, {rights.licence or rights.basis}{where}")
    return found
