"""Is every change to a release noticed, and named?"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from ingredients import Ingredients, assert_broken, found, signed_again

from handstyle.errors import UsageMistake
from handstyle.keys import fingerprint
from handstyle.publication.verification import verify

# Who signed


def test_without_anybody_to_trust_the_signer_is_unknown_and_the_release_intact(
    ingredients: Ingredients, release: Path
) -> None:
    found = verify(release)
    assert found.status == "intact" and found.holds
    assert found.words == f"intact, signer {fingerprint(ingredients.key.public_key())} unknown"


def test_a_signer_i_trust_makes_it_trusted(ingredients: Ingredients, release: Path) -> None:
    found = verify(release, frozenset({fingerprint(ingredients.key.public_key())}))
    assert found.status == "trusted" and found.holds and not found.findings


def test_a_broken_release_is_broken_whoever_signed_it(ingredients: Ingredients, release: Path) -> None:
    (release / "README.md").write_text("other")
    assert verify(release, frozenset({fingerprint(ingredients.key.public_key())})).status == "broken"


# What lies in the folder


def test_every_fault_is_reported_at_once(release: Path) -> None:
    (release / "README.md").unlink()
    (release / "more").write_text("")
    (release / "style.json").write_text("{}")
    assert found(verify(release)) == {("missing", "README.md"), ("extra", "more"), ("changed", "style.json")}


def linked(link: Path, target: Path) -> None:
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this system lets nobody make links")


def test_a_link_is_refused_even_to_the_same_content(release: Path, tmp_path: Path) -> None:
    shutil.copy(release / "README.md", tmp_path / "elsewhere.md")
    (release / "README.md").unlink()
    linked(release / "README.md", tmp_path / "elsewhere.md")
    assert_broken(release, "link", "README.md")


def test_a_linked_folder_is_refused_and_not_entered(release: Path, tmp_path: Path) -> None:
    linked(release / "up", tmp_path)
    verification = verify(release)
    assert found(verification) == {("link", "up")}


def test_a_linked_envelope_is_refused(release: Path, tmp_path: Path) -> None:
    (release / "handstyle.json").rename(tmp_path / "envelope")
    linked(release / "handstyle.json", tmp_path / "envelope")
    assert_broken(release, "link", "handstyle.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_named_and_never_opened(release: Path) -> None:
    (release / "README.md").unlink()
    os.mkfifo(release / "README.md")
    assert_broken(release, "missing", "README.md")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_a_name_that_would_steer_a_terminal_is_spelled_out(release: Path) -> None:
    (release / "\x1b[2Jgone").write_text("")
    assert_broken(release, "extra", r"\x1b[2Jgone")


def test_what_is_no_folder_is_a_mistake_of_use(release: Path) -> None:
    with pytest.raises(UsageMistake):
        verify(release / "README.md")


# The envelope


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\xfe", b'{"payload":1}'])
def test_without_a_signed_list_nothing_holds(release: Path, content: bytes | None) -> None:
    (release / "handstyle.json").unlink()
    if content is not None:
        (release / "handstyle.json").write_bytes(content)
    assert_broken(release, "signature", "handstyle.json")


def test_an_envelope_in_another_spelling_is_broken(release: Path) -> None:
    envelope = json.loads((release / "handstyle.json").read_bytes())
    (release / "handstyle.json").write_text(json.dumps(envelope, indent=1))
    assert_broken(release, "signature", "handstyle.json")


# What a signer lists


def test_ten_megabytes_are_verified_in_a_moment(ingredients: Ingredients, release: Path) -> None:
    (release / "report.html").write_bytes(os.urandom(10 << 20))
    signed_again(release, ingredients.key)
    took = []
    for _ in range(5):
        start = time.process_time()
        assert verify(release).holds
        took.append(time.process_time() - start)
    assert min(took) < 0.3  # seconds of a processor
