"""What does the person in front of this workspace refuse, and whose word do they take?

`policy.toml` in the workspace, written by hand; without it, what is unknown is told and not refused.
"""

from __future__ import annotations

from typing import Annotated

import platformdirs
from pydantic import AfterValidator

from handstyle import keys
from handstyle.diffusion.base_provenance import Policy
from handstyle.records import Record, load_toml
from handstyle.workspace import Workspace

FILE = "policy.toml"


def _key(line: str) -> str:
    return keys.fingerprint_of(line)


class WorkspacePolicy(Record):
    unknown_base: Policy = "warn"  # a base of which it is not known what it was made from
    trusted_for_bases: tuple[Annotated[str, AfterValidator(_key)], ...] = ()  # public keys or fingerprints

    @property
    def trusted(self) -> frozenset[str]:
        """Those, and oneself."""
        own = keys.own_fingerprint(platformdirs.user_config_path("handstyle"))
        return frozenset({*self.trusted_for_bases, *([own] if own else [])})


def of(workspace: Workspace) -> WorkspacePolicy:
    """Raises RecordDamaged where the file says something else."""
    path = workspace.root / FILE
    return WorkspacePolicy.read(load_toml(path), where=str(path)) if path.exists() else WorkspacePolicy()
