"""How is a picture asked where it came from at the command line?"""

from __future__ import annotations

import typer

from handstyle.errors import HandstyleError
from handstyle.terminal import options
from handstyle.terminal.display import display_of, listed


def detect(
    context: typer.Context,
    image: options.Image,
    trust: options.Trust = None,
    trust_certificate: options.TrustCertificate = None,
    json: options.AsJson = False,
) -> None:
    """What does a picture say of where it came from? Exits with 1 if that does not hold."""
    from handstyle import checking

    found = checking.detect(image, trust, trust_certificate)
    display_of(context).result(found, found.words, *listed(found.findings), *found.notes)
    if not found.holds:
        raise typer.Exit(HandstyleError.exit_code)
