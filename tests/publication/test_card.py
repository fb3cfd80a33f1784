"""Does the card say exactly what the records say?"""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from ingredients import TODAY, Ingredients, collected, mozilla, report_on, style_of

from handstyle.collection.involvement import involvement
from handstyle.collection.rights import own_work
from handstyle.inspection.report import InspectedWork, Shown
from handstyle.keys import fingerprint
from handstyle.publication import card
from handstyle.publication.clearance import clearance


@pytest.fixture
def text(ingredients: Ingredients) -> str:
    parts = ingredients
    return card.text(
        parts.style, parts.collection, parts.report, parts.cleared, parts.weights, fingerprint(parts.key.public_key())
    )


def test_the_hub_reads_its_metadata(text: str) -> None:
    data = ModelCard(text).data.to_dict()
    assert data["license"] == "apache-2.0"
    assert data["base_model"] == "small-base"
    assert data["base_model_relation"] == "adapter"
    assert data["library_name"] == "diffusers"
    assert data["pipeline_tag"] == "text-to-image"
    assert data["instance_prompt"] == "hndst drawing"
    assert {"text-to-image", "diffusers", "lora", "template:sd-lora"} <= set(data["tags"])


def test_findings_are_given_with_their_numbers(text: str) -> None:
    assert "0.3610" in text and "0.3340" in text and "0.0210 to 0.0330, clear of zero" in text
    assert "58 of 64 prompts" in text
    assert "none is unusually near" in text


def test_a_gain_that_could_be_none_is_called_none(ingredients: Ingredients) -> None:
    gain = ingredients.report.held_out_gain
    assert gain is not None
    doubtful = gain.model_copy(update={"interval": gain.interval.model_copy(update={"low": -0.001})})
    assert "no gain is shown" in card._gain(doubtful)


def test_it_says_what_nobody_can_tell_and_how_to_check(ingredients: Ingredients, text: str) -> None:
    assert "How it draws what was not asked." in text
    assert "handstyle verify soft-outline" in text
    assert fingerprint(ingredients.key.public_key()) in text


def test_the_card_points_to_the_pictures_whatever_the_last_step_of_the_run_was(release: Path) -> None:
    """In diffusers' scripts they were in a list that each step made anew, so that most cards had none."""
    assert "(report.html)" in (release / "README.md").read_text(encoding="utf-8")
    assert (release / "report.html").is_file()


def test_what_the_published_report_hides_the_card_hides_too(ingredients: Ingredients) -> None:
    parts = ingredients
    hidden = InspectedWork(
        name="secret-0.png",
        caption="hidden caption 0",
        author="Mozilla",
        permission="Apache-2.0",
        picture=Shown(file="a.png", caption="hidden caption 0"),
        show=False,
    )
    told = {"works": (hidden,), "verdict": ("Look at “hidden caption 0”.",), "cannot_tell": ("What secret-0.png is.",)}
    report = parts.report.model_copy(update=told)
    text = card.text(parts.style, parts.collection, report, parts.cleared, parts.weights, "SHA256:x")
    assert "hidden caption" not in text and "secret-0" not in text


def test_works_whose_owner_chose_no_licence_stay_reserved() -> None:
    collection = collected(own_work("Mira"))
    style = style_of(collection, "a" * 64)
    cleared = clearance(collection, style, report_on(style), "Soft outline", on=TODAY)
    data = ModelCard(card.text(style, collection, report_on(style), cleared, (), "SHA256:x")).data.to_dict()
    assert (data["license"], data["license_name"]) == ("other", "all-rights-reserved")
    assert data["license_link"] == "LICENSE.md"
    assert "All rights are reserved" in card.licence_text(cleared)


def test_it_says_whose_works_they_are(ingredients: Ingredients, text: str) -> None:
    assert card.plain(involvement(ingredients.collection)) in text


def test_names_stay_words_whatever_signs_are_in_them() -> None:
    collection = collected(own_work("[click](http://bad) <script> `x`"))
    style = style_of(collection, "a" * 64)
    cleared = clearance(collection, style, report_on(style), "Soft outline", on=TODAY)
    text = card.text(style, collection, report_on(style), cleared, (), "SHA256:x")
    assert "\\[click\\]" in text and "\\<script\\>" in text and "<script>" not in text


def test_its_program_is_one_whatever_the_template_says() -> None:
    collection = collected(mozilla())
    style = style_of(collection, "a" * 64, template='"{caption}" by {identifier}\\')
    cleared = clearance(collection, style, report_on(style), "Soft outline", on=TODAY)
    text = card.text(style, collection, report_on(style), cleared, (), "SHA256:x")
    compile(text.split("```python\n")[1].split("```")[0], "README.md", "exec")


def test_a_full_finetuning_says_how_to_load_it() -> None:
    collection = collected(mozilla())
    style = style_of(collection, "a" * 64, method="full")
    cleared = clearance(collection, style, report_on(style), "Soft outline", on=TODAY)
    text = card.text(style, collection, report_on(style), cleared, (), "SHA256:x")
    assert "weights/unet" in text and "lora" not in ModelCard(text).data.to_dict()["tags"]
    assert ModelCard(text).data.to_dict()["base_model_relation"] == "finetune"


def test_a_style_trained_on_a_base_in_fewer_bits_says_so() -> None:
    collection = collected(mozilla())
    for kind, words in {"int8": "held in 8 bits", "nf4": "held in 4 bits", "no_change": ""}.items():
        style = style_of(collection, "a" * 64, base_model_precision=kind)
        cleared = clearance(collection, style, report_on(style), "Soft outline", on=TODAY)
        text = card.text(style, collection, report_on(style), cleared, (), "SHA256:x")
        assert words in text and (words != "") == (" bits meanwhile" in text)
