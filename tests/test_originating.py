"""Does a collection become a base at the command line, and only one whose works may be in it?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli_w
from tests.origination.conftest import RIGHTS, collected, drawn_into, few_texts, small_recipe, teacher

from handstyle import originating
from handstyle.collection.rights import RightsRecord, open_licence, own_work
from handstyle.collection.works import Collection
from handstyle.diffusion.catalogue import EMBEDDED
from handstyle.errors import GateClosed, RecordDamaged, UsageMistake
from handstyle.origination import evaluation, gates
from handstyle.origination.credits import claim, require_free
from handstyle.origination.gates import Gate
from handstyle.origination.recipe import BaseRecipe, Hand, named
from handstyle.origination.sets import SETS
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
    for name in ("AUTOENCODER", "AUTOENCODER_BEFORE_POLISH", "TEXT_ENCODER", "WORDS_HELP", "ROUND_HELPS"):
        monkeypatch.setattr(gates, name, Gate("stage", "measure", -1000.0))
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
    [
        ("CC-BY-SA-4.0", "shared alike"),
        ("CC-BY-ND-4.0", "CC-BY-ND-4.0"),
        ("CC-BY-NC-4.0", "Bo: CC-BY-NC-4.0 permits no commercial use"),
        ("CC-BY-NC-SA-4.0", "shared alike"),
    ],
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


def under(collection: Collection, *permissions: RightsRecord) -> Collection:
    """The same works, under these permissions in turn."""
    works = [
        work.model_copy(update={"rights": permissions[number % len(permissions)].digest})
        for number, work in enumerate(collection.works)
    ]
    return collection.model_copy(update={"works": tuple(works), "rights": {one.digest: one for one in permissions}})


def licensed(collection: Collection, *licences: str) -> Collection:
    return under(collection, *(open_licence(name, "Ada", "https://example.org/ada") for name in licences))


@pytest.fixture
def works(tmp_path: Path) -> Collection:
    return collected(drawn_into(tmp_path / "works"))


@pytest.mark.parametrize(
    ("licences", "asked_for"),
    [
        (["MIT"], "MIT"),
        (["MIT", "CC-BY-4.0"], "CC-BY-4.0"),
        (["CC-BY-SA-4.0", "CC-BY-4.0"], "CC-BY-SA-4.0"),
        (["CC0-1.0"], "CC0-1.0"),
    ],
)
def test_without_a_choice_a_base_has_the_licence_that_its_works_ask_for(
    works: Collection, licences: list[str], asked_for: str
) -> None:
    assert originating.licence_of_base(licensed(works, *licences), "") == asked_for


def test_of_own_works_all_rights_are_reserved_until_a_licence_is_chosen(works: Collection) -> None:
    own = under(works, own_work("Ada"))
    assert originating.licence_of_base(own, "") == "all-rights-reserved"
    assert originating.licence_of_base(own, "apache-2.0") == "Apache-2.0"
    assert originating.licence_of_base(own, "our own terms") == "our own terms"


@pytest.mark.parametrize(
    ("licences", "chosen", "kept"),
    [
        (["CC-BY-4.0", "MIT"], "Apache-2.0", True),
        (["CC-BY-4.0", "MIT"], "CC0-1.0", False),  # nobody would have to be credited
        (["CC-BY-SA-4.0"], "Apache-2.0", False),
        (["CC-BY-SA-4.0"], "CC-BY-SA-4.0", True),
        (["CC-BY-SA-4.0"], "GPL-3.0-only", False),
        (["CC-BY-NC-4.0"], "", False),
        (["CC-BY-NC-4.0"], "Apache-2.0", False),
        (["CC-BY-NC-4.0"], "terms nobody knows", False),
        (["CC-BY-NC-4.0", "MIT"], "CC-BY-NC-4.0", True),
        (["CC-BY-NC-SA-4.0"], "CC-BY-NC-4.0", False),
        (["CC-BY-NC-SA-4.0"], "CC-BY-NC-SA-4.0", True),
        (["CC-BY-NC-SA-4.0"], "", False),
        (["CC-BY-NC-4.0"], "all-rights-reserved", True),
    ],
)
def test_a_base_promises_no_more_than_its_works_give(
    works: Collection, licences: list[str], chosen: str, kept: bool
) -> None:
    collection = licensed(works, *licences)
    if kept:
        assert originating.licence_of_base(collection, chosen) == chosen
        return
    with pytest.raises(GateClosed) as refused:
        originating.licence_of_base(collection, chosen)
    assert refused.value.exit_code == 3 and "licence =" in refused.value.hint


def test_works_that_bind_in_two_ways_make_no_base(works: Collection) -> None:
    with pytest.raises(GateClosed, match="at once"):
        originating.licence_of_base(licensed(works, "CC-BY-SA-4.0", "GPL-3.0-only"), "")


def test_a_base_says_of_its_works_what_their_permissions_say(works: Collection) -> None:
    assert claim(licensed(works, "MIT", "CC-BY-4.0")) == "openly licensed"
    assert claim(under(works, own_work("Ada"))) == "own"
    both = under(works, own_work("Ada"), open_licence("MIT", "Bo", "https://example.org"))
    assert claim(both) == "openly licensed and own"


def of_the_ten(works: Collection) -> Collection:
    """Two works in each of the ten folders, under the permissions of the ten sets."""
    rights = {one.name: open_licence(one.licence, one.artist, one.source) for one in SETS}
    folders = sorted(rights)
    renamed = [
        work.model_copy(
            update={"name": f"{folders[number // 2]}/{number:02}.png", "rights": rights[folders[number // 2]].digest}
        )
        for number, work in enumerate(works.works)
    ]
    permissions = {one.digest: one for one in rights.values()}
    found = works.model_copy(
        update={"works": tuple(sorted(renamed, key=lambda work: work.name)), "rights": permissions}
    )
    return Collection.model_validate(found.model_dump())


def test_the_shipped_base_can_be_made_as_the_page_says(works: Collection, tmp_path: Path) -> None:
    collection = of_the_ten(works)
    require_free(collection)
    teacher = tmp_path / "all-MiniLM-L6-v2"
    recipe = originating.settled(None, collection, tmp_path / "base", teacher)
    assert recipe == named("embedded") == BaseRecipe.from_toml(EMBEDDED / "recipe.toml")
    originating.require_nobody_named(collection, recipe)
    assert originating.settled(EMBEDDED / "recipe.toml", collection, tmp_path / "base", teacher) == recipe
    assert originating.settled(None, collection, tmp_path / "base", tmp_path / "other").teacher_name == "other"


def test_the_ten_sets_may_be_called_by_their_own_names_and_by_no_others(works: Collection) -> None:
    collection, recipe = of_the_ten(works), named("embedded")
    hands = [*recipe.hands[1:], Hand(folder="twemoji", phrase="bas milius style")]
    with pytest.raises(GateClosed) as refused:
        originating.require_nobody_named(collection, recipe.model_copy(update={"hands": tuple(hands)}))
    assert len(refused.value.faults) == 1 and "twemoji" in refused.value.faults[0]


def test_a_studios_base_is_not_called_as_the_shipped_one_is(works: Collection, tmp_path: Path) -> None:
    recipe = originating.settled(None, licensed(works, "CC-BY-4.0"), tmp_path / "studio-base", tmp_path / "encoder")
    assert (recipe.name, recipe.licence, recipe.teacher_name, recipe.hands) == (
        "studio-base", "CC-BY-4.0", "encoder", (),
    )  # fmt: skip
    assert recipe.denoiser == named("embedded").denoiser
    with pytest.raises(UsageMistake, match="a name of the shipped one"):
        originating.settled(EMBEDDED / "recipe.toml", works, tmp_path / "studio-base", tmp_path / "encoder")


def test_a_hand_is_called_by_its_folder(works: Collection) -> None:
    recipe = small_recipe()
    assert recipe.phrase_of("inked") == "inked style" and recipe.phrase_of("flat") == "flat style"
    assert recipe.phrase_of("late_works/oil-on-wood") == "late works oil on wood style"
    assert recipe.phrase_of("") == "our style"
    originating.require_nobody_named(works, recipe)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hands": (Hand(folder="flat", phrase="Ada style"),)}, "the prompt of the hand in flat 'Ada style' names Ada"),
        ({"name": "the Ada base"}, "the name of the base 'the Ada base' names Ada"),
    ],
)
def test_a_base_carries_nobodys_name_without_a_yes(works: Collection, changes: dict[str, object], words: str) -> None:
    recipe = small_recipe().model_copy(update=changes)
    with pytest.raises(GateClosed) as refused:
        originating.require_nobody_named(works, recipe)
    assert refused.value.exit_code == 3 and any(words in fault for fault in refused.value.faults)
    agreed = RightsRecord.model_validate(
        {"author": "Ada", "basis": "own-work", "permits": ["train", "name-as-trigger", "name-in-marketing"]}
    )
    originating.require_nobody_named(under(works, agreed), recipe)


def test_a_folder_or_a_caption_that_names_its_artist_is_refused(tmp_path: Path) -> None:
    collection = collected(drawn_into(tmp_path / "works", hands=[("hollie", "Hollie Mengert"), ("inked", "Bo")]))
    with pytest.raises(GateClosed, match="name of a person") as refused:
        originating.require_nobody_named(collection, small_recipe())
    assert ["hollie style" in fault for fault in refused.value.faults] == [True]
    first = collection.works[0].model_copy(update={"name": "a.png", "caption": "a fox by mengert"})
    named_in_a_caption = collection.model_copy(update={"works": (first, *collection.works[10:])})
    with pytest.raises(GateClosed) as refused:
        originating.require_nobody_named(named_in_a_caption, small_recipe())
    assert ["caption of a.png" in fault for fault in refused.value.faults] == [True]


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
