"""Is every change to a release noticed, and named?"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingredients import DIFFUSERS, KOHYA, Ingredients, assert_broken, found, signed_again

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


def test_a_release_signed_again_by_somebody_else_is_not_trusted(ingredients: Ingredients, release: Path) -> None:
    thief = Ed25519PrivateKey.generate()
    (release / "README.md").write_text((release / "README.md").read_text() + "It is mine now.\n")
    signed_again(release, thief)
    assert verify(release).status == "intact"
    found = verify(release, frozenset({fingerprint(ingredients.key.public_key())}))
    assert found.status == "unknown" and not found.holds
    assert fingerprint(thief.public_key()) in found.words
    assert found.findings[0].kind == "signer"


def test_a_broken_release_is_broken_whoever_signed_it(ingredients: Ingredients, release: Path) -> None:
    (release / "README.md").write_text("other")
    assert verify(release, frozenset({fingerprint(ingredients.key.public_key())})).status == "broken"


# What lies in the folder


@pytest.mark.parametrize(
    "name", ["README.md", "LICENSE.md", "collection.json", "recipe.toml", "style.json", "report.json", KOHYA, DIFFUSERS]
)
def test_a_file_that_changed_is_named(release: Path, name: str) -> None:
    with (release / name).open("ab") as file:
        file.write(b" ")
    assert_broken(release, "changed", name)


def test_a_change_that_keeps_the_size_is_named(release: Path) -> None:
    data = bytearray((release / KOHYA).read_bytes())
    data[-1] ^= 1
    (release / KOHYA).write_bytes(data)
    assert_broken(release, "changed", KOHYA)


@pytest.mark.parametrize("name", ["README.md", "report.html", DIFFUSERS])
def test_a_file_that_is_gone_is_named(release: Path, name: str) -> None:
    (release / name).unlink()
    assert_broken(release, "missing", name)


@pytest.mark.parametrize("name", ["run.py", ".gitattributes", "weights/more.bin", "deep/er/file"])
def test_a_file_that_came_later_is_named(release: Path, name: str) -> None:
    (release / name).parent.mkdir(parents=True, exist_ok=True)
    (release / name).write_text("hello")
    assert_broken(release, "extra", name)


def test_an_empty_folder_is_named(release: Path) -> None:
    (release / "weights" / "empty").mkdir()
    assert_broken(release, "extra", "weights/empty")


def test_two_files_that_changed_places_are_both_named(release: Path) -> None:
    (release / KOHYA).rename(release / "x")
    (release / DIFFUSERS).rename(release / KOHYA)
    (release / "x").rename(release / DIFFUSERS)
    assert found(verify(release)) >= {("changed", KOHYA), ("changed", DIFFUSERS)}


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


def test_the_envelope_of_another_release_does_not_fit(ingredients: Ingredients, release: Path, tmp_path: Path) -> None:
    other = ingredients.assemble(tmp_path / "other", card_text=(release / "README.md").read_text() + "Another card.\n")
    shutil.copy(other / "handstyle.json", release / "handstyle.json")
    assert_broken(release, "changed", "README.md")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_byte_of_a_release_can_change_unnoticed(release: Path, data: st.DataObject) -> None:
    files = sorted(path for path in release.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from([*files, release / "handstyle.json"]))
    original = path.read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    change = data.draw(st.sampled_from(["replace", "remove", "insert"]))
    byte = bytes([data.draw(st.integers(0, 255).filter(lambda value: value != original[place]))])
    kept = original[place + 1 :] if change != "insert" else original[place:]
    try:
        path.write_bytes(original[:place] + (b"" if change == "remove" else byte) + kept)
        assert verify(release).status == "broken"
    finally:
        path.write_bytes(original)


# What a signer lists


@pytest.mark.parametrize(
    "path",
    ["../style.json", "/etc/hosts", "C:\\x", "a\\b", "a\0b", "./README.md", "weights//x", "nul", "handstyle.json"],
)
def test_a_listed_path_that_leads_elsewhere_is_refused(ingredients: Ingredients, release: Path, path: str) -> None:
    def add(statement: dict[str, Any]) -> None:
        statement["files"].append({"path": path, "sha256": "a" * 64, "size": 1})

    signed_again(release, ingredients.key, add)
    verification = verify(release)
    assert verification.status == "broken"
    assert any(finding.kind == "path" for finding in verification.findings)


@pytest.mark.parametrize("path", ["README.md", "readme.MD"])
def test_a_path_listed_twice_is_refused_also_where_only_the_case_differs(
    ingredients: Ingredients, release: Path, path: str
) -> None:
    def add(statement: dict[str, Any]) -> None:
        statement["files"].append({"path": path, "sha256": "a" * 64, "size": 1})

    signed_again(release, ingredients.key, add)
    assert_broken(release, "path", path)


def test_ten_megabytes_are_verified_in_a_moment(ingredients: Ingredients, release: Path) -> None:
    (release / "report.html").write_bytes(os.urandom(10 << 20))
    signed_again(release, ingredients.key)
    took = []
    for _ in range(3):
        start = time.perf_counter()
        assert verify(release).holds
        took.append(time.perf_counter() - start)
    assert min(took) < 0.3  # seconds; importing takes the rest of the half second that a command may take
