"""Do the benchmarks of many runs count only what counts, and count it rightly?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.held_out_artist import audits, snapshots, stopping
from benchmarks.held_out_artist import rows as kept
from benchmarks.held_out_artist.audits import Draw, counted
from benchmarks.held_out_artist.snapshots import Followed, rank_correlation

from handstyle.inspection.audit_report import Audit, Judged


def test_draws_of_another_base_or_recipe_count_for_nothing(tmp_path: Path) -> None:
    audit = Audit(works=32, learnt=16, held_out=16, units=32, chosen_by="chance", smallest_p=1e-4)
    run = Followed(draw=0, base="b", recipe="r", steps=(1,), base_errors=(1.0,), errors=((1.0,),), distances=((1.0,),))
    for draw, base, recipe in ((1, "b", "r"), (0, "b", "r"), (2, "c", "r"), (3, "b", "q"), (4, "b", "")):
        kept.add(tmp_path / "audits.jsonl", Draw(draw=draw, base=base, recipe=recipe, audit=audit))
        kept.add(tmp_path / "snapshots.jsonl", run.model_copy(update={"draw": draw, "base": base, "recipe": recipe}))
    assert [one.draw for one in audits.of("b", "r", tmp_path / "audits.jsonl")] == [0, 1]
    assert [one.draw for one in snapshots.of("b", "r", tmp_path / "snapshots.jsonl")] == [0, 1]
    rows = [{"draw": 1, "base": "b", "recipe": "r"}, {"draw": 0, "base": "b", "recipe": "r"}, {"draw": 2, "base": "b"}]
    assert [one["draw"] for one in stopping.of(rows, base="b", recipe="r")] == [0, 1]


def test_counts_of_audits_have_exact_intervals() -> None:
    frame = Audit(works=32, learnt=16, held_out=16, units=32, chosen_by="chance", smallest_p=1e-4)
    clean, guilty = (Judged(model="it", steps=1, outputs_p=p) for p in (0.5, 0.0001))
    draw = Draw(draw=0, base="b", audit=frame.model_copy(update={"positive": guilty, "negative": clean}))
    assert draw.sees_by_heart and not draw.accuses_wrongly
    assert draw.model_copy(update={"audit": frame.model_copy(update={"left_out": guilty})}).accuses_wrongly
    twenty = [draw.model_copy(update={"draw": number}) for number in range(5, 25)]
    not_the_last = counted("seen", twenty, lambda one: one.draw != 24)
    assert not_the_last == "seen: 19 of 20, 75.1% to 99.9%; not in draws 24", "by their own numbers"
    assert counted("seen", twenty, lambda one: one.draw == 7) == "seen: 1 of 20, 0.1% to 24.9%; in draws 7"


def test_a_rank_correlation_over_snapshots_is_of_their_means() -> None:
    errors = tuple(tuple(0.5 - 0.01 * step + 0.001 * n for n in range(12)) for step in range(10))
    nearer = tuple(tuple(2 * value for value in of_step) for of_step in errors)
    run = Followed(draw=0, base="b", steps=tuple(range(1, 11)), base_errors=errors[0], errors=errors, distances=nearer)
    whole, (low, high), within = rank_correlation([run, run])
    assert (whole, within) == (pytest.approx(1), pytest.approx(1)) and low == pytest.approx(high) == pytest.approx(1)
    away = run.model_copy(update={"distances": nearer[::-1]})
    assert rank_correlation([away])[0] == pytest.approx(-1)


def test_works_are_drawn_from_the_folder_that_is_given_each_draw_its_own(tmp_path: Path) -> None:
    (source := tmp_path / "source").mkdir()
    lines = [json.dumps({"file_name": f"{place}.png", "text": "a cat"}) for place in range(16)]
    (source / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    folders = [stopping.drawn(tmp_path, 4, draw, [source]) for draw in range(2)]
    chosen = [json.loads((folder / "chosen.json").read_text(encoding="utf-8")) for folder in folders]
    assert [len(set(names)) for names in chosen] == [4, 4] and chosen[0] != chosen[1]
    assert (folders[0] / "metadata.jsonl").read_text(encoding="utf-8").splitlines() == lines
