"""Does a collection become a base at the command line, and only one whose works may be in it?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli_w
from tests.origination.conftest import RIGHTS, drawn_into, few_texts, small_recipe, teacher

from handstyle import originating
from handstyle.errors import RecordDamaged, UsageMistake
from handstyle.origination import evaluation, gates
from handstyle.origination.gates import Gate
from handstyle.terminal.command_line import answer

__all__ = ["few_texts", "teacher"]


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    def without_nothing(value: object) -> object:
        if isinstance(value, dict):
            return {key: without_nothing(one) for key, one in value.items() if one is not None}
        return [without_nothing(one) for one in value] if isinstance(value, list) else value

    path = tmp_path / "recipe.toml"
    path.write_text(tomli_w.dumps(without_nothing(small_recipe().as_json())), encoding="utf-8")  # type: ignore[arg-type]
    return path


@pytest.mark.slow
def test_collect_and_originate_at_the_command_line(
    tmp_path: Path, recipe_file: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("AUTOENCODER", "AUTOENCODER_BEFORE_POLISH", "TEXT_ENCODER"):
        monkeypatch.setattr(gates, name, Gate("stage", "measure", 0.0))
    monkeypatch.setattr(evaluation, "STEPS", 2)
    works, desk = drawn_into(tmp_path / "works"), str(tmp_path / "desk")
    assert answer(["collect", str(works), "--leave-out", "none", "--workspace", desk]) == 0
    capfd.readouterr()
    command = ["originate", "base", "--to", str(tmp_path / "made"), "--teacher", str(teacher)]
    command += ["--recipe", str(recipe_file), "--workspace", desk, "--json"]
    assert answer(command) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["works"], said["held_out"]) == (16, 4)
    assert said["measured"]["combinations"]["of"] == 40
    assert {path.name for path in (tmp_path / "made" / "base").iterdir()} == {
        "ORIGIN.md", "credits.jsonl", "handstyle.toml", "model_index.json", "recipe.toml", "scheduler", "sheet.png",
        "text_encoder", "tokenizer", "unet", "vae",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("licence", "words"),
    [("CC-BY-SA-4.0", "shared alike"), ("CC-BY-ND-4.0", "CC-BY-ND-4.0")],
)
def test_what_would_bind_the_base_or_may_not_be_in_it_is_refused(
    tmp_path: Path, teacher: Path, licence: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    works, desk = drawn_into(tmp_path / "works"), str(tmp_path / "desk")
    text = RIGHTS.format(folder="flat", author="Ada", licence="MIT")
    text += RIGHTS.format(folder="inked", author="Bo", licence=licence)
    (works / "rights.toml").write_text(text, encoding="utf-8")
    collected = answer(["collect", str(works), "--leave-out", "none", "--workspace", desk])
    command = ["originate", "base", "--to", str(tmp_path / "made"), "--teacher", str(teacher), "--workspace", desk]
    code = answer(command) if collected == 0 else collected
    assert code == 3
    assert words in capfd.readouterr().err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("content", "words"), [("{}", "not a list"), ('["cat", 3]', "not a list"), ("[", "cannot be read")]
)
def test_a_vocabulary_that_is_none_is_told(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "vocabulary.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecordDamaged, match=words):
        originating.words_in(path)
    with pytest.raises(UsageMistake, match="there is no"):
        originating.words_in(tmp_path / "nothing.json")


def test_a_teacher_that_is_none_is_told(tmp_path: Path) -> None:
    from handstyle.errors import BaseUnusable
    from handstyle.origination.text_encoder import taught

    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BaseUnusable, match="no sentence encoder"):
        taught(["cat"], tmp_path)
