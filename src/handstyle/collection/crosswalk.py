"""How does a lawyer read the table of licences?"""

from __future__ import annotations

from handstyle.collection.licences import EXCEPTIONS, LICENCES, Licence

BEFORE = """\
# Licences

What handstyle takes each open licence to permit for works that a model is trained on. It is the table by which the
program decides, written out by it, so the two cannot differ. It is a cautious reading and no legal advice: where a
licence is silent or disputed, the answer is no.

- **Train**: making copies to train a model. A model is made from the works, so where nothing may be derived, nothing
  may be trained.
- **Share**: giving the trained model to others.
- **Sell**: using the model, or what it draws, commercially.
- **Show**: showing the works themselves beside the model.
- **Credit**: the author must be named, or the notice kept. Every release does.
- **Alike**: what is made from the works stays under this licence. handstyle then gives the model this licence, and
  refuses works whose licences contradict each other.

No licence here permits the use of the author's name for a model: that takes a [consent](consent.md).

| SPDX id | train | share | sell | show | credit | alike |
|---|---|---|---|---|---|---|
"""

AFTER = """
## Several licences at once

Anything SPDX can say may stand behind `--licence`, as long as every licence in it is in the table.

| expression | how it is read |
|---|---|
| `MIT AND CC-BY-4.0` | both hold: permitted is what both permit, asked for is what either asks for |
| `MIT OR CC-BY-NC-4.0` | you choose: `--licence-choice MIT`. Expression and choice go on record |
| `GPL-2.0-only WITH Font-exception-2.0` | the exception goes on record; it only permits more, so it is read as absent |

Known exceptions: {exceptions}.

A name that is not in the table is refused, with the nearest ones. `LicenseRef-` names are refused too: nobody but
you knows what they permit. For such works, state a [permission](collect.md#permission) or ask for a
[consent](consent.md).

## What goes on record

The expression, the choice, the author and the page the works were published on; and, where you name a file with
`--evidence`, its digest and the day you saw it (`--seen 2026-05-03`). Licences on web pages change; a saved page with a
date is what you can show later.
"""


def page() -> str:
    """docs/licences.md"""
    rows = "".join(_row(licence) for licence in LICENCES.values())
    return BEFORE + rows + AFTER.format(exceptions=", ".join(f"`{name}`" for name in EXCEPTIONS))


def _row(licence: Licence) -> str:
    permits = ("train", "publish-model", "commercial", "show-works")
    answers = [*(use in licence.permits for use in permits), licence.attribution, licence.share_alike]
    cells = " | ".join("yes" if answer else "no" for answer in answers)
    return f"| [{licence.spdx}]({licence.url}) | {cells} |\n"
