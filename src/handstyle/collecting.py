"""How does what was gathered join the workspace, and what is told of it?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from handstyle.loading import keep_collection
from handstyle.results import Collected
from handstyle.workspace import House, Workspace

if TYPE_CHECKING:
    from handstyle.collection.consent import Consent
    from handstyle.collection.intake import Gathered


def keep(workspace: Workspace, gathered: Gathered, consents: Sequence[Consent]) -> Collected:
    """Beside the consents and which works look alike, and in the keeper's log."""
    from handstyle.collection import curation, permission
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    found, digest, alike = gathered.collection, gathered.collection.digest, gathered.near_duplicates
    near, house = workspace.collection(digest) / curation.ALIKE, House.here()
    if alike:
        curation.Alike(works=alike).save(near)
    told = (*curation.notes_on(alike, near), *curation.notes_on_parted(alike, found))
    path = keep_collection(workspace, found, gathered.folder, consents)
    logged.permissions(logged.keepers_log(house), published_collection(found))
    workspace.point_to(collection=digest)
    house.knows(workspace)
    return Collected(
        collection=digest,
        works=len(found.works),
        for_training=len(found.training),
        for_validation=len(found.withheld),
        left_out=len(found.left_out),
        pictures_found=found.number_of_pictures_found,
        notes=(*gathered.notes, *found.notes, *permission.overridden(found), *told),
        near_duplicates=len(alike),
        permission=permission.standing(found),
        record=str(path),
    )
