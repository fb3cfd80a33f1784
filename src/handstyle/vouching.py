"""What was a base made from, who says so, and is that enough for this workspace?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.diffusion.base_provenance import BaseProvenance
from handstyle.errors import GateClosed, UsageMistake
from handstyle.loading import load_base
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.finetuning.trained_style import TrainedStyle


def require_known_base(workspace: Workspace, family: ModelFamily) -> BaseProvenance:
    """What the base was made from. Raises GateClosed where that is unknown and the workspace's policy refuses it."""
    from handstyle import policy
    from handstyle.diffusion import base_provenance

    found = made_from(workspace, family)
    base_provenance.require_known(found, policy.of(workspace).unknown_base)
    return found


def require_unknown_to_be_welcome(workspace: Workspace, name: str) -> None:
    """Of a file of another tool as little is known as of most bases. Raises GateClosed where that is refused."""
    from handstyle import policy

    if policy.of(workspace).unknown_base == "refuse":
        raise GateClosed(
            f"{name} is refused: nobody knows whose works it was made from",
            hint='Use a style of this workspace, or write `unknown_base = "warn"` in its policy.toml.',
        )


def made_from(workspace: Workspace, family: ModelFamily) -> BaseProvenance:
    """What a base was made from, by its digest or by somebody's word that this workspace trusts."""
    from handstyle import policy
    from handstyle.diffusion import base_provenance

    envelope, trusted = base_provenance.envelope_in(family.folder), policy.of(workspace).trusted
    return base_provenance.provenance_of(family.digest, envelope, family.card.works, trusted)


def base_to_publish(workspace: Workspace, folder: Path, style: TrainedStyle) -> tuple[BaseProvenance, bytes | None]:
    """What is known of the base, and the statement that goes along so that others can judge it, too."""
    from handstyle import policy
    from handstyle.diffusion import base_provenance
    from handstyle.diffusion.pipeline_folder import read_card

    asked, envelope = policy.of(workspace), base_provenance.envelope_in(folder)
    claim = read_card(folder).works
    found = base_provenance.provenance_of(style.base.sha256, envelope, claim, asked.trusted)
    if style.origin:
        found = base_provenance.changed_by_another_tool(found, style.origin)
    base_provenance.require_known(found, asked.unknown_base)
    return found, envelope if found.signer else None


def vouch(folder: Path, said: str, because: str, key: Path | None = None) -> Path:
    """A statement on a base, signed, beside it: `said` is what it was made from. Raises UsageMistake where one is."""
    from handstyle import keys
    from handstyle.diffusion import base_provenance
    from handstyle.records import write

    family = load_base(folder)
    place = folder / base_provenance.FILE
    if place.exists():
        raise UsageMistake(f"{place} is there already", hint="Move it away first: nothing is overwritten.")
    statement = base_provenance.BaseStatement.read(
        {"base": family.digest, "made_from": said, "because": because}, where="what was typed", error=UsageMistake
    )
    return write(place, base_provenance.sign(statement, keys.read_key(key) if key else keys.own_key()))
