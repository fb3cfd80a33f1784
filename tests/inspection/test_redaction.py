"""Does the published report keep what may not be shown to itself?"""

from __future__ import annotations

from collections.abc import Callable

from handstyle.inspection.redaction import redacted
from handstyle.inspection.report import InspectionReport, Shown, SideBySide


def all_shown(report: InspectionReport) -> InspectionReport:
    works = tuple(work.model_copy(update={"show": True}) for work in report.works)
    return report.model_copy(update={"works": works})


def test_a_report_whose_works_may_all_be_shown_stays_as_it_is(report: InspectionReport) -> None:
    assert redacted(all_shown(report)) == all_shown(report)


def test_no_name_caption_or_picture_of_a_hidden_work_is_left(report: InspectionReport) -> None:
    text = redacted(report).model_dump_json()
    for work in report.works:
        if not work.show:
            assert work.name not in text
            assert work.caption not in text
            assert work.picture.file not in text


def test_a_hidden_work_keeps_its_number_and_its_author(report: InspectionReport) -> None:
    assert [work.name for work in redacted(report).works] == ["boat.png", "work 2", "work 3", "pear.png"]
    assert {work.author for work in redacted(report).works} == {"Ada Brush"}


def test_works_that_may_be_shown_are_untouched(report: InspectionReport) -> None:
    for before, after in zip(report.works, redacted(report).works, strict=True):
        assert after == before or not before.show


def test_measurements_stay(report: InspectionReport) -> None:
    after = redacted(report)
    assert after.held_out_gain == report.held_out_gain
    assert after.copying.distances_of_outputs == report.copying.distances_of_outputs
    for output, before in zip(after.copying.outputs, report.copying.outputs, strict=True):
        assert output.distance == before.distance
    assert after.copying.unusually_near == 1


def test_a_comparison_with_a_hidden_drawing_goes_with_its_caption(report: InspectionReport) -> None:
    assert [side.caption for side in redacted(report).comparisons] == ["boat", "pear"]


def test_a_drawing_of_unknown_permission_is_not_shown_in_public(
    report: InspectionReport, painted: Callable[..., Shown]
) -> None:
    side = report.comparisons[0].model_copy(update={"real": painted("a further drawing", "boat"), "show_real": False})
    with_unknown = report.model_copy(update={"comparisons": (side,)})
    assert redacted(with_unknown).comparisons == ()
    assert redacted(all_shown(with_unknown)).comparisons == ()


def test_a_comparison_without_a_real_drawing_stays_unless_its_words_are_hidden(report: InspectionReport) -> None:
    def without_real(caption: str, side: SideBySide) -> SideBySide:
        return side.model_copy(update={"caption": caption, "real": None})

    sides = tuple(without_real(caption, report.comparisons[0]) for caption in ("teapot", "a red kite"))
    kept = redacted(report.model_copy(update={"comparisons": sides})).comparisons
    assert [side.caption for side in kept] == ["teapot"]


def test_an_output_unusually_near_to_a_hidden_work_is_not_shown_either(report: InspectionReport) -> None:
    files = {output.picture.caption: output.picture.file for output in redacted(report).copying.outputs}
    assert files["sail, hndst drawing"] == ""
    assert files["cow, hndst drawing"] != ""


def test_the_drawing_never_trained_on_beside_an_output_keeps_its_distance_alone(report: InspectionReport) -> None:
    outputs = tuple(
        output.model_copy(update={"held_out": "a secret thing", "held_out_distance": 0.2})
        for output in report.copying.outputs
    )
    check = report.copying.model_copy(update={"outputs": outputs})
    after = redacted(report.model_copy(update={"copying": check})).copying.outputs
    assert {(output.held_out, output.held_out_distance) for output in after} == {("", 0.2)}


def test_where_too_few_drawings_can_tell_an_output_that_may_be_near_is_not_shown(report: InspectionReport) -> None:
    """Five drawings: whatever is first by one of three measures has a chance of up to three in six."""
    chances = (1.0, 1.0, 0.5, 4 / 6)
    outputs = tuple(
        output.model_copy(update={"chance": chance})
        for output, chance in zip(report.copying.outputs, chances, strict=True)
    )
    check = report.copying.model_copy(update={"outputs": outputs, "threshold": None, "unusually_near": None})
    after = redacted(report.model_copy(update={"copying": check})).copying
    files = {output.picture.caption: output.picture.file for output in after.outputs}
    assert files["sail, hndst drawing"] == "" and files["cow, hndst drawing"] != ""
    assert not any(map(check.is_near, check.outputs)), "and none is called unusually near"


def test_a_work_the_report_does_not_list_is_not_named_beside_hidden_works(report: InspectionReport) -> None:
    stray = report.copying.outputs[0].model_copy(update={"work": "nobody knows.png"})
    check = report.copying.model_copy(update={"outputs": (stray,)})
    (after,) = redacted(report.model_copy(update={"copying": check})).copying.outputs
    assert (after.work, after.work_picture.file) == ("a work", "")


def test_a_prompt_made_of_a_hidden_caption_is_not_repeated(report: InspectionReport) -> None:
    captions = [output.picture.caption for output in redacted(report).copying.outputs]
    assert captions == ["boat, hndst drawing", "the words of work 2", "sail, hndst drawing", "cow, hndst drawing"]


def test_sentences_name_the_number_instead(report: InspectionReport) -> None:
    after = redacted(report)
    assert after.copying.words == "One of four outputs lies unusually near to a work, “work 3”."
    assert after.cannot_tell == ("Four outputs are few; the one of work 2 says little.",)


def test_an_ordinary_word_that_is_also_a_caption_stays_in_sentences_and_templates(report: InspectionReport) -> None:
    called_drawing = report.works[2].model_copy(update={"caption": "drawing", "name": "3.png"})
    works = (*report.works[:2], called_drawing, report.works[3])
    verdict = ("Its drawing is good.",)
    after = redacted(report.model_copy(update={"works": works, "verdict": verdict}))
    assert after.verdict == verdict
    assert after.copying.outputs[0].picture.caption == "boat, hndst drawing"


def test_redacting_twice_changes_nothing_more(report: InspectionReport) -> None:
    assert redacted(redacted(report)) == redacted(report)


def test_a_drawing_that_nothing_was_measured_on_is_not_named_whatever_may_be_shown(report: InspectionReport) -> None:
    near = {"too_near": ("sketch-7.png looks nearly like boat.png",)}
    for seen in (report, all_shown(report)):
        assert redacted(seen.model_copy(update=near)) == redacted(seen)
