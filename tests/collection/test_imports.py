"""Are data sets of other tools read as those tools read them, and is everything in them accounted for?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from handstyle.collection.imports import laid_out
from handstyle.collection.intake import Gathered, gather, load_work
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.errors import CollectionFaulty, UsageMistake

FolderOf = Callable[..., Path]
Drawing = Callable[..., Image.Image]
MINE = for_all(own_work("Ada"))


def gathered(path: Path, **how: Any) -> Gathered:
    return gather(path, **{"rights": MINE, "validation": None, **how})


def words(path: Path, **how: Any) -> dict[str, tuple[str, int]]:
    """Work -> its words, and how often it is shown in an epoch."""
    return {work.name: (work.caption, work.repeats) for work in gathered(path, **how).collection.works}


def faults(path: Path, **how: Any) -> list[str]:
    with pytest.raises(CollectionFaulty) as refused:
        gathered(path, **how)
    return list(refused.value.faults)


# kohya: folders


def test_a_folder_of_kohya_says_how_often_and_in_which_words(folder_of: FolderOf) -> None:
    folder = folder_of("10_ink drawing/a.png", "10_ink drawing/b.png", "2_wash/c.png")
    (folder / "10_ink drawing" / "a.txt").write_text("a cat, sitting")
    (folder / "2_wash" / "c.caption").write_text("a dog")
    assert words(folder) == {
        "10_ink drawing/a.png": ("a cat, sitting", 10),
        "10_ink drawing/b.png": ("ink drawing", 10),
        "2_wash/c.png": ("a dog", 2),
    }
    assert any("10_ink drawing 10x, 2_wash 2x" in note for note in gathered(folder).notes)


def test_the_same_folder_may_be_meant_as_names(folder_of: FolderOf) -> None:
    folder = folder_of("10_ink/red_cat.png")
    assert words(folder, as_plain=True) == {"10_ink/red_cat.png": ("red cat", 1)}


@pytest.mark.parametrize(
    "names",
    [
        ("10_ink/cat.png", "dog.png"),
        ("10_ink/cat.png", "others/deep/dog.png"),
        ("2019_ink/cat.png", "2020_ink/dog.png"),
        ("01_ink/cat.png", "02_wash/dog.png"),
        ("ink/cat.png",),
    ],
)
def test_what_is_no_folder_of_kohya_is_read_as_ever_and_whole(folder_of: FolderOf, names: tuple[str, ...]) -> None:
    assert words(folder_of(*names)) == {name: (Path(name).stem, 1) for name in names}


def test_pictures_deeper_in_a_numbered_folder_are_not_lost(folder_of: FolderOf) -> None:
    assert words(folder_of("3_ink/a.png", "3_ink/deep/b.png")) == {
        "3_ink/a.png": ("ink", 3),
        "3_ink/deep/b.png": ("ink", 3),
    }


def test_regularisation_pictures_are_class_images_and_no_works(folder_of: FolderOf) -> None:
    folder = folder_of("img/10_hndst drawing/a.png", "reg/1_drawing/0001.png")
    (folder / "log").mkdir()
    assert words(folder) == {"img/10_hndst drawing/a.png": ("hndst drawing", 10)}
    assert list(words(folder, wanted="class images")) == ["reg/1_drawing/0001.png"]
    assert any("--class-images" in note for note in gathered(folder).notes)


def test_a_torn_sidecar_in_a_folder_of_kohya_is_a_fault(folder_of: FolderOf) -> None:
    folder = folder_of("10_ink/a.png")
    (folder / "10_ink" / "a.txt").write_bytes(b"\xff\xfe")
    assert faults(folder) == ["10_ink/a.txt: is not UTF-8 at byte 0: save it as UTF-8"]


# kohya: TOML


def toml(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_data_set_of_kohya_names_folders_repeats_and_words(folder_of: FolderOf) -> None:
    folder = folder_of("one/a.png", "one/deep/not_meant.png", "two/b.png", "reg/r.png")
    (folder / "one" / "a.txt").write_text("a cat\nan alternative that kohya passes over")
    (folder / "one" / "a.caption").write_text("not this one")
    described = toml(folder / "set.toml", f"""
        [general]
        caption_extension = ".txt"
        shuffle_caption = true
        color_aug = true
        [[datasets]]
        resolution = 512
        num_repeats = 3
        [[datasets.subsets]]
        image_dir = "{(folder / "one").as_posix()}"
        caption_prefix = "look:"
        num_repeats = 5
        [[datasets.subsets]]
        image_dir = "two"
        class_tokens = "hndst drawing"
        [[datasets.subsets]]
        image_dir = "reg"
        is_reg = true
    """)  # fmt: skip
    assert words(described) == {"one/a.png": ("look: a cat", 5), "two/b.png": ("hndst drawing", 3)}
    assert words(described, wanted="class images") == {"reg/r.png": ("class image", 3)}
    notes = "\n".join(gathered(described).notes)
    assert "resolution, shuffle_caption belong to a recipe" in notes
    assert "color_aug have no counterpart" in notes
    assert "--class-images" in notes


def test_folders_elsewhere_are_read_told_and_named_without_the_path_of_the_machine(
    folder_of: FolderOf, tmp_path: Path
) -> None:
    folder = folder_of("one/a.png", "two/b.png")
    subsets = "".join(
        f'[[datasets.subsets]]\nimage_dir = "{(folder / name).as_posix()}"\nclass_tokens = "x"\n'
        for name in ("one", "two")
    )
    (tmp_path / "elsewhere").mkdir()
    found = gathered(toml(tmp_path / "elsewhere" / "set.toml", f"[[datasets]]\n{subsets}"))
    assert [work.name for work in found.collection.works] == ["one/a.png", "two/b.png"]
    assert found.folder == folder.resolve()
    assert any(str(folder / "one") in note for note in found.notes)
    for work in found.collection.works:
        load_work(found.folder, work)  # proven to be the one that was collected


def test_every_fault_of_a_data_set_is_told_at_once(folder_of: FolderOf) -> None:
    folder = folder_of("one/a.png")
    (folder / "one" / "torn.png").write_bytes(b"\x89PNG")
    described = toml(folder / "set.toml", """
        [[datasets]]
        [[datasets.subsets]]
        image_dir = "one"
        num_repeat = 3
        [[datasets.subsets]]
        image_dir = "/content/drive/nowhere"
        [[datasets.subsets]]
        num_repeats = true
        [[datasets]]
        resolution = 512
    """)  # fmt: skip
    found = "\n".join(faults(described))
    assert "subset 1: num_repeat: unknown key; did you mean `num_repeats`?" in found
    assert "subset 2: image_dir: /content/drive/nowhere is no folder here" in found
    assert "subset 3: num_repeats: is a whole number" in found and "subset 3: image_dir: is missing" in found
    assert "[[datasets]] 2: there is no `[[datasets.subsets]]` table" in found
    assert "one/torn.png" in found or "torn.png" in found
    assert "nothing says what it shows: write it into a.caption" in found


def test_several_resolutions_of_one_folder_are_one_folder(folder_of: FolderOf) -> None:
    folder = folder_of("one/a.png")
    part = '[[datasets]]\nresolution = {}\n[[datasets.subsets]]\nimage_dir = "one"\nclass_tokens = "a cat"\n'
    described = toml(folder / "set.toml", part.format(512) + part.format(768))
    assert words(described) == {"one/a.png": ("a cat", 1)}
    assert any("count once" in note for note in gathered(described).notes)


def test_one_work_in_two_subsets_is_a_fault(folder_of: FolderOf) -> None:
    folder = folder_of("one/a.png")
    part = '[[datasets.subsets]]\nimage_dir = "one"\nclass_tokens = "a cat"\nnum_repeats = {}\n'
    described = toml(folder / "set.toml", "[[datasets]]\n" + part.format(1) + part.format(2))
    assert any("names one/a.png, which" in fault for fault in faults(described))


def test_a_sidecar_that_links_out_of_its_folder_is_not_read(folder_of: FolderOf, tmp_path: Path) -> None:
    folder = folder_of("one/a.png")
    (tmp_path / "secret.txt").write_text("a secret")
    (folder / "one" / "a.txt").symlink_to(tmp_path / "secret.txt")
    described = toml(
        folder / "set.toml", '[[datasets]]\ncaption_extension = ".txt"\n[[datasets.subsets]]\nimage_dir = "one"\n'
    )
    assert any("a link out of the folder" in fault for fault in faults(described))


# OneTrainer


def concepts(path: Path, *listed: dict[str, Any]) -> Path:
    path.write_text(json.dumps(list(listed)), encoding="utf-8")
    return path


def test_concepts_of_onetrainer_name_folders_words_and_balance(folder_of: FolderOf) -> None:
    folder = folder_of("one/a.png", "one/deep/b.png", "two/red_fox.png", "three/c.png", "off/d.png")
    (folder / "one" / "a.txt").write_text("a cat\nor: a kitten")
    (folder / "one" / "deep" / "b.txt").write_text("a bird")
    (folder / "prompts.txt").write_text("\na drawing\nanother\n")
    described = concepts(
        folder / "concepts.json",
        {"path": str(folder / "one"), "include_subdirectories": True, "balancing": 2.0},
        {"path": "two", "text": {"prompt_source": "filename"}, "balancing": 0.5, "image": {"enable_random_hue": True}},
        {"path": "three", "text": {"prompt_source": "concept", "prompt_path": str(folder / "prompts.txt")},
         "balancing": 3, "balancing_strategy": "SAMPLES", "loss_weight": 0.5},
        {"path": "off", "enabled": False, "name": "switched off"},
    )  # fmt: skip
    assert words(described) == {
        "one/a.png": ("a cat", 4),
        "one/deep/b.png": ("a bird", 4),
        "three/c.png": ("a drawing", 6),
        "two/red_fox.png": ("red fox", 1),
    }
    notes = "\n".join(gathered(described).notes)
    assert "enable_random_hue have no counterpart" in notes
    assert "loss_weight has no counterpart" in notes and "switched off" in notes


def test_validation_concepts_are_kept_back_and_prior_concepts_are_class_images(folder_of: FolderOf) -> None:
    folder = folder_of("one/a.png", "check/b.png", "prior/c.png")
    by_name = {"text": {"prompt_source": "filename"}}
    described = concepts(
        folder / "concepts.json",
        {"path": "one", **by_name},
        {"path": "check", "validation_concept": True, **by_name},
        {"path": "prior", "type": "PRIOR_PREDICTION", **by_name},
    )
    found = gathered(described).collection
    assert [work.name for work in found.training] == ["one/a.png"]
    assert found.validation == ("check/b.png",)
    assert list(words(described, wanted="class images")) == ["prior/c.png"]


@pytest.mark.parametrize(
    ("concept", "fault"),
    [
        ({"path": 3}, "path: is missing"),
        ({"path": "nowhere"}, "nowhere is no folder here"),
        ({"path": "one", "balancing": -1}, "balancing: is a number above 0"),
        ({"path": "one", "text": 7}, "text: is no table"),
        ({"path": "one", "type": "OTHER"}, "type: is one of"),
        ({"path": "one", "text": {"prompt_source": "concept", "prompt_path": "no.txt"}}, "no.txt is no file here"),
    ],
)
def test_a_concept_that_makes_no_sense_is_a_fault(folder_of: FolderOf, concept: dict[str, Any], fault: str) -> None:
    folder = folder_of("one/a.png")
    assert any(fault in found for found in faults(concepts(folder / "concepts.json", concept)))


# Masks


def test_a_mask_beside_its_picture_is_recorded_and_no_work(folder_of: FolderOf, drawing: Drawing) -> None:
    folder = folder_of("cat.png", "dog.png")
    Image.new("L", drawing().size, 90).save(folder / "cat-masklabel.png")
    cat, dog = gathered(folder).collection.works
    assert cat.mask is not None and cat.mask.name == "cat-masklabel.png"
    assert dog.mask is None
    before = cat.mask.pixels_sha256
    Image.new("L", drawing().size, 91).save(folder / "cat-masklabel.png")
    after = gathered(folder).collection.works[0].mask
    assert after is not None and after.pixels_sha256 != before


def test_a_mask_of_another_size_or_of_no_picture_is_a_fault(folder_of: FolderOf) -> None:
    folder = folder_of("cat.png")
    Image.new("L", (9, 9)).save(folder / "cat-masklabel.png")
    Image.new("L", (9, 9)).save(folder / "dog-masklabel.png")
    found = "\n".join(faults(folder))
    assert "cat-masklabel.png: is 9 x 9 pixels, and its picture 24 x 16" in found
    assert "dog-masklabel.png: is a mask without its picture" in found


def test_kohya_keeps_masks_in_a_folder_of_their_own(folder_of: FolderOf, drawing: Drawing) -> None:
    folder = folder_of("one/a.png")
    (folder / "masks").mkdir()
    Image.new("L", drawing().size, 90).save(folder / "masks" / "a.png")
    described = toml(
        folder / "set.toml",
        '[[datasets]]\n[[datasets.subsets]]\nimage_dir = "one"\nconditioning_data_dir = "masks"\nclass_tokens = "x"\n',
    )
    (work,) = gathered(described).collection.works
    assert work.mask is not None and (work.name, work.mask.name) == ("one/a.png", "masks/a.png")


# Nothing is changed


def test_a_collection_that_uses_none_of_this_keeps_its_digest(folder_of: FolderOf) -> None:
    """`repeats` and `mask` joined the record of a work later; digests made before must stand."""
    (work,) = gathered(folder_of("cat.png")).collection.works
    assert work.as_json().keys() == {
        *("name", "file_format", "file_sha256", "pixels_sha256", "width", "height", "caption", "caption_from"),
        *("rights", "reservations"),
    }
    assert type(work).read(work.as_json(), where="here") == work
    often = work.model_copy(update={"repeats": 2})
    assert often.as_json()["repeats"] == 2 and often.digest != work.digest


def test_what_is_neither_folder_nor_description_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageMistake, match="is not a folder"):
        laid_out(tmp_path / "nowhere")
    with pytest.raises(CollectionFaulty, match="cannot be read as TOML"):
        laid_out(toml(tmp_path / "set.toml", "= ="))
    with pytest.raises(CollectionFaulty, match="no list of concepts"):
        laid_out(toml(tmp_path / "set.json", "{}"))
