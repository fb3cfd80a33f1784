"""Is a `rights.toml` read as it was meant, or refused in full?"""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handstyle import digests
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all, read_rights_toml, toml_to_add
from handstyle.errors import HandstyleError, RecordDamaged

TWO_PERMISSIONS = """
[[rights]]
works = ["own/*"]
author = "Ada"
basis = "own-work"

[[rights]]
works = ["client/*.png", "cover.png"]
author = "Ada"
holders = ["Ada", "A Publisher"]
basis = "written-permission"
evidence = ["contract.pdf", { file = "letter.txt", says = "the publisher agrees" }]
permits = ["train", "publish-model"]
valid_until = 2031-12-31
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "contract.pdf").write_bytes(b"a contract")
    (tmp_path / "letter.txt").write_bytes(b"a letter")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "rights.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_file_gets_the_permission_whose_pattern_names_it(folder: Path) -> None:
    plan = read_rights_toml(written(folder, TWO_PERMISSIONS))
    assert [rights.basis for rights in plan.rights_for("own/deep/cat.png")] == ["own-work"]
    assert [rights.basis for rights in plan.rights_for("cover.png")] == ["written-permission"]
    assert plan.rights_for("stray.png") == ()


def test_evidence_is_known_by_its_digest(folder: Path) -> None:
    (rights,) = read_rights_toml(written(folder, TWO_PERMISSIONS)).rights_for("cover.png")
    assert [(document.file, document.says) for document in rights.evidence] == [
        ("contract.pdf", ""),
        ("letter.txt", "the publisher agrees"),
    ]
    assert rights.evidence[0].sha256 == digests.of_bytes(b"a contract")


def test_one_permission_for_all_reaches_into_sub_folders() -> None:
    assert for_all(own_work("Ada")).rights_for("a/b/cat.png")


@pytest.mark.parametrize("name", ["cat [1].png", 'a "cat".png', "café.png"])
def test_a_name_in_full_names_its_file_and_the_lines_we_propose_do_too(folder: Path, name: str) -> None:
    plan = read_rights_toml(written(folder, toml_to_add([name])))
    assert plan.rights_for(name)
    assert plan.rights_for(normalize("NFD", name))
    assert not plan.rights_for("another.png")


def test_two_permissions_for_one_file_are_both_reported_and_the_same_one_twice_is_one(folder: Path) -> None:
    entry = '[[rights]]\nworks = ["*"]\nauthor = "{}"\nbasis = "own-work"\n'
    contradicting = read_rights_toml(written(folder, entry.format("Ada") + entry.format("Bob")))
    assert len(contradicting.rights_for("cat.png")) == 2
    repeated = read_rights_toml(written(folder, entry.format("Ada") + entry.format("Ada")))
    assert len(repeated.rights_for("cat.png")) == 1


def test_every_fault_of_the_file_is_named_at_once(folder: Path) -> None:
    text = """
    righs = 1
    [[rights]]
    works = ["*.png"]
    autor = "Ada"
    author = "Ada"
    basis = "own-work"
    [[rights]]
    works = ["*.jpg"]
    author = "Ada"
    basis = "written-permission"
    evidence = ["missing.pdf"]
    permits = ["train"]
    [[rights]]
    author = "Ada"
    basis = "open-licence"
    licence = "CC-BY-4"
    source = "https://example.org"
    """
    with pytest.raises(RecordDamaged) as refused:
        read_rights_toml(written(folder, text))
    faults = "\n".join(refused.value.faults)
    assert "righs: unknown key" in faults
    assert "[[rights]] 1: autor: unknown key; did you mean `author`?" in faults
    assert "[[rights]] 2: evidence: missing.pdf cannot be read: there is no such file" in faults
    assert "[[rights]] 3: works: Field required" in faults
    assert "did you mean `CC-BY-4.0`" in faults


@pytest.mark.parametrize("text", ["", "rights = 3", "rights = [1]", "[rights]\nauthor = 'Ada'", "not toml", "\0"])
def test_a_file_without_a_permission_in_it_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(RecordDamaged):
        read_rights_toml(written(folder, text))


@pytest.mark.parametrize("evidence", ['"../contract.pdf"', '"/etc/hosts"', "3", '{ say = "x" }', '"."', '"a\\u0000b"'])
def test_evidence_that_is_no_file_beside_it_is_refused(folder: Path, evidence: str) -> None:
    text = TWO_PERMISSIONS.replace('"contract.pdf"', evidence)
    with pytest.raises(RecordDamaged, match="evidence"):
        read_rights_toml(written(folder, text))


KEYS = ["works", "author", "basis", "evidence", "permits", "valid_from", "x"]
VALUES = ['"a"', "1", "[]", "{}", '["*"]', "1979-05-27", '"own-work"', "inf", '["train"]']


@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES)))
def test_any_table_is_read_or_refused_in_our_words(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, str]
) -> None:
    text = "[[rights]]\n" + "\n".join(f"{key} = {value}" for key, value in table.items())
    try:
        read_rights_toml(written(tmp_path_factory.mktemp("rights"), text))
    except HandstyleError as refused:
        assert refused.faults


def test_the_example_in_the_documentation_says_what_it_means(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "collect.md").read_text(encoding="utf-8")
    (folder / "letter.pdf").write_bytes(b"a letter")
    plan = read_rights_toml(written(folder, page.split("```toml\n")[1].split("```")[0]))
    (book,) = plan.rights_for("book/01.png")
    assert book.holders == ("Ada Example", "A Publisher")
    assert [rights.basis for rights in plan.rights_for("sketchbook/2029/cat.png")] == ["own-work"]
