"""How does a release get to Hugging Face, and what has to hold before anything is sent?

Nothing is contacted unless somebody typed where to. The repository is private unless they typed that, too: what was
public for a minute may have been copied, and to open a private one takes a click.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handstyle.errors import GateClosed, ReleaseBroken, UsageMistake, WriteFailed
from handstyle.publication.verification import verify

if TYPE_CHECKING:
    from handstyle.collection.scope import Distribution

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
OF_THE_HUB = {".gitattributes"}  # which it puts into every repository


@dataclass(frozen=True)
class Push:
    """Where a release is sent."""

    repo: str  # owner/name
    public: bool = False

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.repo) or ".." in self.repo or "--" in self.repo:
            raise UsageMistake(
                f"`{self.repo:.100}` is no repository of Hugging Face", hint="Write --push-to-hub OWNER/NAME."
            )


def require_ready(push: Push, distribution: Distribution) -> None:
    """Before a release is made, and without contacting anybody."""
    from huggingface_hub import get_token

    if push.public and distribution != "public":
        raise GateClosed(
            f"a release for `{distribution}` may not be put where everybody can fetch it",
            hint="Leave --public out, and let in only the people the consents name.",
        )
    if not get_token():
        raise UsageMistake(
            "there is no token of Hugging Face here, and without one nothing can be sent",
            hint="Make one that may write, and log in with `hf auth login`; or put it into HF_TOKEN.",
        )


def send(release: Path, push: Push, api: Any = None) -> str:
    """In one commit, all or nothing; its address is returned.

    Raises ReleaseBroken, before anything is contacted, where the release does not verify; UsageMistake where the
    repository is not for it; WriteFailed where the Hub or the network says no.
    """
    found = verify(release)
    if not found.holds:
        raise ReleaseBroken(
            f"{release} is not sent: {found.words}",
            faults=[f"{finding.where}: {finding.words}" for finding in found.findings],
            hint="Publish the style again.",
        )
    from huggingface_hub import HfApi

    api = api or HfApi()
    files = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    try:
        address = api.create_repo(push.repo, private=not push.public, repo_type="model", exist_ok=True)
        _require_room(api, push, files)
        api.upload_folder(
            repo_id=push.repo, folder_path=release, repo_type="model", commit_message=f"Release {found.name}"
        )
        there = set(api.list_repo_files(push.repo, repo_type="model"))
    except UsageMistake:
        raise
    except Exception as error:  # the network's, the Hub's and its library's: many kinds
        raise WriteFailed(
            f"{push.repo} was not written: {str(error).strip() or type(error).__name__}",
            hint=f"The release is whole, in {release}. When the fault is mended, `hf upload {push.repo} {release}` "
            "sends it.",
        ) from error
    if lost := sorted(files - there):
        raise WriteFailed(
            f"{push.repo} lacks {len(lost)} of the {len(files)} files of the release", faults=lost,
            hint=f"Send them again: `hf upload {push.repo} {release}`.",
        )  # fmt: skip
    return str(address)


def _require_room(api: Any, push: Push, files: set[str]) -> None:
    """An earlier repository of this name keeps who may see it, and its files."""
    if bool(api.repo_info(push.repo, repo_type="model").private) is push.public:
        is_now, option = ("private", "leave --public out") if push.public else ("public", "add --public")
        raise UsageMistake(
            f"{push.repo} is there already, and it is {is_now}",
            hint=f"Name another repository; or {option}, if that is what you want.",
        )
    strange = sorted(set(api.list_repo_files(push.repo, repo_type="model")) - files - OF_THE_HUB)
    if strange:
        raise UsageMistake(
            f"{push.repo} holds {len(strange)} files that are not of this release, beside which it would not verify",
            faults=strange[:20],
            hint="Name a repository that is empty, or that does not exist yet.",
        )
