"""How do a template, its pictures and its script become one file that asks nothing of a network?"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from handstyle.errors import RecordDamaged
from handstyle.inspection.page import PAGES, Image, as_image
from handstyle.inspection.plots import number, percent


def document(template: str, images: dict[str, Image], *, style: str, script: str = "", **values: object) -> str:
    """`style` and `script` are files beside the templates. A browser runs that script and no other: the page names its
    digest (CSP level 3, section 6.7.2)."""
    environment = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(number=number, percent=percent)
    sheets = [(PAGES / name).read_text(encoding="utf-8") for name in ("report.css", style)]
    code = (PAGES / script).read_text(encoding="utf-8") if script else ""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    allowed = f"; script-src 'sha256-{digest}'" if script else ""
    made = environment.get_template(template).render(
        stylesheet=Markup("\n".join(sheets)),
        script=Markup(code),
        policy=Markup("default-src 'none'; img-src data:; style-src 'unsafe-inline'" + allowed),
        image=images.__getitem__,
        **values,
    )
    return made + "\n"


def loaded(files: Iterable[str], folder: Path, again: str) -> dict[str, Image]:
    """Pictures by the names that records give them. Raises RecordDamaged, naming each that is missing; `again` is the
    command that makes them."""
    images, faults = {}, []
    for name in sorted(set(files) - {""}):
        try:
            images[name] = as_image((folder / name).read_bytes())
        except OSError as error:
            faults.append(f"{name}: {error.strerror or error}")
        except ValueError as error:
            faults.append(f"{name} {error}")
    if faults:
        raise RecordDamaged(
            f"{folder} lacks {len(faults)} of the pictures", faults=faults, hint=f"Run `{again}` again."
        )
    return images
