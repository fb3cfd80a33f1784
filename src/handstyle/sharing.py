"""Who contributed to a style, and what is each one's part of what was agreed?"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from handstyle.loading import collection_named, open_style
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.publication.shares import Division, Fee, Statement


def shares(
    workspace: Workspace,
    fee: Fee,
    division: Division = "equal",
    *,
    run: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Statement:
    """Who contributed to a style, and what is each one's part of what was agreed; by what the ledger counted."""
    from handstyle.generation import ledger
    from handstyle.publication import shares

    style = open_style(workspace, run or workspace.needs("run", "finetune"))
    collection, _ = collection_named(workspace, style.collection)
    count = ledger.count(workspace.ledger, style.tensors, since=since, until=until)
    return shares.statement(collection, style, count, fee, division, since=since, until=until, on=date.today())
