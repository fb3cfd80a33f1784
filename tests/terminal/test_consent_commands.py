"""Can two people give a permission at the command line, from the first line to the last?"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


@pytest.fixture
def desk(typed: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two drawings in the folder where commands are typed, and a passphrase in the environment."""
    monkeypatch.setenv("HANDSTYLE_KEY_PASSPHRASE", "open sesame")
    Path("drawings").mkdir()
    for name, colour in {"red-hat": "red", "blue-cat": "blue"}.items():
        Image.new("RGB", (8, 8), colour).save(f"drawings/{name}.png")
    return Path.cwd()


def terms_for(typed: Any, *names: str) -> None:
    """The file that `consent draft` writes, filled in as a person would."""
    assert typed("consent", "draft", "drawings").code == 0
    text = Path("consent/terms.toml").read_text(encoding="utf-8")
    before, table, after = text.partition("[[holders]]")
    table, _, after = (table + after).partition("\n[scope]")
    tables = []
    for name in names:
        line = typed("consent", "key", "--to", name).out.strip()
        tables.append(
            table.replace("NAME OF THE ARTIST", name).replace('# key = "ssh-ed25519 AAAA…"', f'key = "{line}"')
        )
    text = before.replace("NAME OF THE ARTIST", names[0]) + "\n".join(tables) + "\n[scope]" + after
    text = text.replace("methods = []", 'methods = ["lora"]').replace("bases = []", 'bases = ["any"]')
    text = text.replace("territory = []", 'territory = ["everywhere"]')
    Path("consent/terms.toml").write_text(text, encoding="utf-8")


def test_from_terms_to_a_collection(typed: Any, desk: Path) -> None:
    terms_for(typed, "Ada", "Press")
    drafted = typed("consent", "draft", "drawings", "--terms", "consent/terms.toml")
    assert drafted.code == 0 and "ada-consent.html" in drafted.out
    file = "consent/ada.consent.json"
    assert "Permission to train a drawing model on 2 works by Ada" in typed("consent", "show", file).out
    assert typed("consent", "sign", file, "--key", "Ada", "--yes").code == 0
    refused = typed("collect", "drawings", "--consent", file)
    assert (refused.code, "the signature of Press is missing" in refused.err) == (3, True)
    assert typed("consent", "check", file, "drawings").code == 3
    assert typed("consent", "sign", file, "--key", "Press", "--yes").code == 0
    assert typed("consent", "check", file, "drawings").code == 0
    made = typed("collect", "drawings", "--consent", file)
    assert made.code == 0 and "signed by Ada (SHA256:" in made.err
    listed = json.loads(typed("consent", "list", "--json").out)["consents"]
    assert [seen["state"] for seen in listed] == ["given"]  # the workspace's copy is not another one
    assert typed("consent", "list", "--expiring", "30d").out == "none\n"


def test_who_does_not_type_yes_has_not_signed(typed: Any, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terms_for(typed, "Ada")
    typed("consent", "draft", "drawings", "--terms", "consent/terms.toml")
    for answer, code in {"no\n": 2, "\n": 2, "yes\n": 0}.items():
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert typed("consent", "sign", "consent/ada.consent.json", "--key", "Ada").code == code
    silent = typed("consent", "sign", "consent/ada.consent.json", "--key", "Ada", "--json")
    assert silent.code == 2 and "add --yes" in json.loads(silent.out)["hint"]


def test_a_forged_consent_is_refused_with_its_fault(typed: Any, desk: Path) -> None:
    terms_for(typed, "Ada")
    typed("consent", "draft", "drawings", "--terms", "consent/terms.toml")
    typed("consent", "sign", "consent/ada.consent.json", "--key", "Ada", "--yes")
    file = Path("consent/ada.consent.json")
    file.write_bytes(file.read_bytes().replace(b'"sig":"', b'"sig":"AA', 1))
    answer = typed("consent", "check", file)
    assert answer.code == 3 and "broken" in answer.out
    assert typed("consent", "show", file).code == 3


@pytest.mark.parametrize("words", ["soon", "30", "-1d", "99999999d"])
def test_how_soon_is_said_in_days(typed: Any, words: str) -> None:
    assert typed("consent", "list", "--expiring", words).code == (0 if words == "30" else 2)


def test_a_dry_run_names_the_signature_that_lacks_where_collecting_refuses(
    typed: Any, desk: Path, tiny_base: Path
) -> None:
    terms_for(typed, "Ada", "Press")
    typed("consent", "draft", "drawings", "--terms", "consent/terms.toml")
    file = "consent/ada.consent.json"
    typed("consent", "sign", file, "--key", "Ada", "--yes")
    assert typed("collect", "drawings", "--consent", file).code == 3
    foreseen = typed("collect", "drawings", "--consent", file, "--dry-run", "--base", tiny_base, "--for", "commercial")
    assert foreseen.code == 3
    assert foreseen.out.count("the signature of Press is missing") == 5 and "commercial use" in foreseen.out
    assert not Path("handstyle-workspace").exists()


def test_a_dry_run_says_what_lacks_writes_the_letter_and_collects_nothing(
    typed: Any, desk: Path, tiny_base: Path
) -> None:
    answer = typed("collect", "drawings", "--dry-run", "--base", tiny_base, "--for", "public", "--letter", "letters")
    assert answer.code == 3
    assert "finetune: refused" in answer.out and "blue-cat.png, red-hat.png: no permission names it" in answer.out
    assert Path("letters/name-of-the-artist/letter.txt").is_file()
    assert not Path("handstyle-workspace").exists()
    allowed = typed("collect", "drawings", "--dry-run", "--base", tiny_base, "--mine", "Ada")
    assert (allowed.code, "refused" in allowed.out) == (0, False)
    assert typed("collect", "drawings", "--dry-run", "--for", "fun").code == 2
