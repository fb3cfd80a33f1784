"""Has an envelope one spelling only, and is a signature bound to its purpose?"""

from __future__ import annotations

from handstyle import envelopes


def test_the_signature_covers_what_dsse_says_it_covers() -> None:
    # The example of the DSSE protocol, version 1.0.2.
    assert envelopes.pre_authentication("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
