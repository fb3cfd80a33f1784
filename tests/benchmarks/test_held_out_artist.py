"""Does the benchmark split without leaks, run nothing twice, and print only what was run on the shipped base?"""

from __future__ import annotations

import itertools
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.held_out_artist import __main__ as harness
from benchmarks.held_out_artist import artists, baselines, bench, recipes, reference, table
from benchmarks.held_out_artist import rows as kept
from benchmarks.held_out_artist.artists import ARTISTS, TESTING, Drawing, Split
from benchmarks.held_out_artist.bench import Bench
from benchmarks.held_out_artist.methods import DEFAULT, METHODS, ORACLE, Method
from benchmarks.held_out_artist.rows import Row
from PIL import Image

from handstyle.diffusion import catalogue
from handstyle.finetuning.recipe import Recipe

GAME_ICONS = ARTISTS["game-icons"]
QUICK = {"max_train": "2 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no"}


def words(number: int) -> str:
    """A word of its own for each number."""
    return "q" + "".join("abcdefghij"[int(digit)] for digit in str(number))


def looks(drawing: Drawing) -> np.ndarray:
    return np.asarray(np.random.default_rng(zlib.crc32(drawing.identifier.encode())).random((16, 16, 3)))


def test_no_two_drawings_of_a_split_share_a_word_or_a_look() -> None:
    drawings = [Drawing(str(n), f"{words(n % 400)} with {words(900 + n // 2)}") for n in range(900)]
    split = artists.split_in_order(GAME_ICONS, drawings, looks)
    parts = [*split.candidates, *split.tuning, *split.testing]
    assert [len(part) for part in (split.candidates, split.tuning, split.testing)] == [64, 64, 200]
    told = [word for drawing in parts for word in set(drawing.caption.split()) - {"with"}]
    assert len(told) == len(set(told)), "with is a word that different concepts may share"
    kept_back = {word for drawing in (*split.tuning, *split.testing) for word in drawing.caption.split()} - {"with"}
    assert not any(set(drawing.caption.split()) & kept_back for drawing in split.others)


def test_what_looks_alike_is_one_concept_also_turned() -> None:
    first = looks(Drawing("a", "a"))
    assert artists._is_like_any(first[:, ::-1], [first]) and not artists._is_like_any(looks(Drawing("b", "b")), [first])
    same = [Drawing(str(n), words(n)) for n in range(900)]
    with pytest.raises(SystemExit, match="has 1 concepts"):
        artists.split_in_order(GAME_ICONS, same, lambda drawing: first)


def small_split() -> Split:
    def some(kind: str, number: int) -> tuple[Drawing, ...]:
        return tuple(Drawing(f"{kind}{n}", f"{kind} {words(n)}") for n in range(number))

    return Split(GAME_ICONS, some("candidate", 64), some("tuning", 5), some("testing", 6), some("other", 3))


def test_draws_differ_and_the_first_is_the_examples() -> None:
    split = small_split()
    assert split.works(0) == split.candidates[:32]
    drawn = [split.works(draw) for draw in range(5)]
    assert len(set(drawn)) == 5 and all(len(set(works)) == 32 for works in drawn)
    assert split.works(3) == split.works(3)


def test_every_method_is_a_recipe() -> None:
    for method in METHODS.values():
        settings = {key: None if value == "none" else value for key, value in method.settings.items()}
        assert Recipe().changed(**settings) is not None
    assert {method.works for method in METHODS.values()} >= {4, 8, 16, 32, 64}


ICON = '<rect x="{x}" y="{y}" width="{w}" height="6" fill="#{c:06x}"/>'


@pytest.fixture
def small_bench(tmp_path: Path, family: Any, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    split = small_split()
    every = [*split.candidates, *split.tuning, *split.testing, *split.others]
    icons = {
        "width": 16, "height": 16,
        "icons": {
            d.identifier: {"body": ICON.format(x=n % 8, y=n % 9, w=3 + n % 7, c=(n * 91_237) % 2**24)}
            for n, d in enumerate(every)
        },
    }  # fmt: skip
    for module in (artists, bench):
        monkeypatch.setattr(module, "opened", lambda *given: icons)
    noto = tmp_path / "packages" / baselines.COMPARISON / "package"
    noto.mkdir(parents=True)
    half = {d.identifier.replace("testing", "testing-"): icons["icons"][d.identifier] for d in split.testing[:3]}
    names = {f"testing-{words(n)}": body for n, body in enumerate(half.values())}
    (noto / "icons.json").write_text(json.dumps({**icons, "icons": names}), encoding="utf-8")
    return Bench(tmp_path / "packages", split, "testing", tmp_path / "out", tiny_base, family)


def test_baselines_and_a_method_become_rows_and_are_not_run_again(
    small_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = Method("quick", QUICK, works=4)
    monkeypatch.setitem(METHODS, DEFAULT, method)
    path = small_bench.to / "rows.jsonl"
    monkeypatch.setattr(harness, "Method", lambda *given, **named: Method("oracle", QUICK, works=named["works"]))
    for row in harness.rows(small_bench, 0, [DEFAULT, ORACLE], set(), None):
        kept.add(path, row)
    found = kept.read(path, Row)
    by_name = {row.method: row for row in found}
    assert list(by_name) == [*baselines.BASELINES, DEFAULT, ORACLE]
    assert by_name[ORACLE].works == 64 + 3 + 5 and by_name[DEFAULT].steps == 2
    assert all(len(row.distances) == row.drawings == 6 for row in found)
    assert {row.method for row in found if not row.errors} == set(baselines.BASELINES[2:])
    another = by_name["another artist's real drawing"]
    assert [value is None for value in another.distances] == [False] * 3 + [True] * 3
    assert another.distances[0] == pytest.approx(0, abs=1e-6), "here both drew the same"
    exact = by_name["base without identifier"]
    assert exact.errors[0] >= 0 and len(exact.base_errors) == 6

    def never(*given: Any, **named: Any) -> None:
        raise AssertionError("it was run already")

    monkeypatch.setattr("handstyle.stages.finetune", never)
    monkeypatch.setattr(baselines, "prepared", never)
    assert list(harness.rows(small_bench, 0, [DEFAULT, ORACLE], {row.key for row in found}, None)) == []
    without_it = {row.key for row in found if row.method != ORACLE}
    assert list(harness.rows(small_bench, 0, [DEFAULT], without_it, None)) == [], "the oracle where it is asked for"
    with path.open("a", encoding="utf-8") as file:
        file.write('{"torn')
    kept.add(path, found[0])
    assert len(kept.read(path, Row)) == len(found) + 1, "a torn line costs that line alone"


def test_a_picture_in_another_palette_has_its_colours_only() -> None:
    red = Image.new("RGB", (8, 8), (200, 0, 0))
    palette = baselines.palette_of([red])
    changed = baselines.in_palette(Image.new("RGB", (4, 4), (0, 0, 255)), palette)
    assert changed.getcolors() == [(16, (200, 0, 0))]


def test_the_reference_is_run_with_its_own_pages_settings(small_bench: Bench, tmp_path: Path) -> None:
    words = reference.command(small_bench, 0, Path("diffusers"), tmp_path / "run" / "out", "no")
    said = dict(itertools.pairwise(words))
    assert said["--max_train_steps"] == "500" and said["--learning_rate"] == "1e-4" and said["--rank"] == "4"
    assert "diffusers/examples/dreambooth/train_dreambooth_lora.py" in [Path(word).as_posix() for word in words]
    assert len(list(Path(said["--instance_data_dir"]).iterdir())) == 32
    for step in (25, 100):
        (tmp_path / "out" / f"checkpoint-{step}").mkdir(parents=True)
        (tmp_path / "out" / f"checkpoint-{step}" / reference.WEIGHTS).touch()
    assert [step for step, _ in reference.checkpoints(tmp_path / "out")] == [25, 100, 500]


def row(method: str, draw: int, error: float, **changes: Any) -> Row:
    chance = np.random.default_rng(draw)
    base = 0.5 + 0.1 * chance.random(TESTING)
    return Row(
        artist="fxemoji", related="", draw=draw, on="testing", method=method, settings={}, recipe="r" * 64, works=32,
        drawings=TESTING,
        steps=240, split="s" * 64, base="b" * 64, version="1", base_errors=tuple(base),
        errors=tuple(base * error), distances=(0.5,) * TESTING,
    ).model_copy(update=changes)  # fmt: skip


def test_the_table_has_gain_interval_and_each_draw() -> None:
    rows = [row(DEFAULT, draw, 0.9) for draw in range(3)] + [row("rank 4", draw, 0.95) for draw in range(3)]
    rows.append(row(table.WITHOUT, 0, 1.0, steps=0, distances=(1.0,) * TESTING))
    rows.append(row("copy of the nearest training work", 0, 1.0, errors=(), distances=(2.0,) * TESTING))
    made = table.tables(rows)
    first, second, *_ = [line for line in made.splitlines() if line.startswith("|")][2:]
    assert first.startswith(
        "| handstyle (240, 240, 240 steps) | 10.00 % | 10.00 to 10.00 | 10.00, 10.00, 10.00 |  |  | 0.500"
    )
    assert second.startswith("| rank 4 ") and "| -5.00 % (-5." in second
    assert "| copy of the nearest training work | draws nothing itself | | | | | 2.000 |" in made


def test_a_gain_is_normalised_by_what_the_oracle_gains() -> None:
    rows = [row(DEFAULT, 0, 0.9)]
    assert "| 0.50 (0.50 to 0.50) |" in table.tables([*rows, row(ORACLE, 0, 0.8)])
    assert "| 1.00 (1.00 to 1.00) |" in table.tables([*rows, row(ORACLE, 0, 0.8)])
    assert "the oracle's may be chance" in table.tables([*rows, row(ORACLE, 0, 1.0)])


def test_rows_of_another_base_or_of_a_trial_are_not_printed(family: Any) -> None:
    assert table.tables([]) == table.NOT_RUN
    now = {"base": family.digest, "recipe": recipes.recipe_of(family, METHODS[DEFAULT])}
    counts = row(DEFAULT, 0, 0.9, **now)
    others = [
        row(DEFAULT, 0, 0.9, **{**now, "base": "c" * 64}),
        row(DEFAULT, 0, 0.9, **{**now, "recipe": "q" * 64}),
        row(DEFAULT, 0, 0.9, **now, on="tuning"),
        row(DEFAULT, 0, 0.9, **now, drawings=8),
    ]
    assert table.current(others, family) == []
    assert table.current([counts, *others, counts], family) == [counts], "a row that was added twice counts once"
    tuned = row(DEFAULT, 0, 0.9, **now, on="tuning", drawings=64)
    assert table.current([counts, tuned], family) == [counts]
    assert table.current([counts, tuned], family, "tuning") == [tuned]
    tested, _, screened = table.all_tables([counts, tuned], family).partition("## Screening, on the tuning drawings")
    assert "### fxemoji\n" in tested and "### fxemoji, tuning\n" in screened, "apart, and never in one mean"
    related = row(DEFAULT, 0, 0.9, artist="emojione-v1", related="Emoji One")
    made = table.tables([related, row(DEFAULT, 0, 0.9)])
    assert made.index("### fxemoji") < made.index("### emojione-v1, related to Emoji One in the base")


def test_a_distance_is_a_share_of_the_bases_on_the_same_drawings() -> None:
    """Drawings that another artist made too may be the easier ones."""
    base = row(baselines.WITHOUT, 0, 1.0).model_copy(update={"distances": (1.0, 1.0, 0.5, 0.5)})
    other = base.model_copy(update={"distances": (None, None, 0.4, 0.4)})
    assert table._distance([other], [base]) == "0.800 (2 drawings)"
    assert table._distance([base], [base]) == "1.000" and table._distance([other], []) == ""


def test_the_table_says_what_the_rows_beside_the_benchmark_say() -> None:
    page, family = table.PAGE.read_text(encoding="utf-8"), catalogue.load(None)
    found = kept.read(table.ROWS, Row)
    counting = [row for on in table.DRAWINGS for row in table.current(found, family, on)]
    assert found and len(counting) == len(found), "rows of another base or recipe stand among them"
    made = table.written(page, table.all_tables(found, family))
    assert made == page, "`python -m benchmarks.held_out_artist.table` writes it"


def test_every_row_is_known_by_the_recipe_it_would_have_now(family: Any) -> None:
    default = recipes.recipe_of(family, Method("of 32 works"))
    found = {name: row(name, 0, 0.9) for name in (*METHODS, *baselines.BASELINES, ORACLE, "reference script")}
    digests = {name: table.recipe_now(one, family) for name, one in found.items()}
    assert {digests[name] for name in (DEFAULT, ORACLE)} == {default}
    assert {digests[name] for name in baselines.BASELINES} == {recipes.of_the_base(family)} != {default}
    others = [name for name, method in METHODS.items() if method.settings or method.stop != "max_train"]
    told = {(digests[name], METHODS[name].works) for name in others}
    assert len(told | {(default, 32)}) == len(others) + 1
    assert digests["reference script"] not in {digests[name] for name in METHODS}


def test_a_changed_default_makes_another_row(small_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that no preset names."""
    method = Method("quick")
    old = small_bench.row(0, DEFAULT, method)
    assert old.key == small_bench.row(0, DEFAULT, method).key
    assert old.key != small_bench.row(0, DEFAULT, Method("quick", stop="cross-fitted")).key
    resolved = recipes.default_recipe
    monkeypatch.setattr(recipes, "default_recipe", lambda *given: resolved(*given).changed(ema_decay=0.123))
    new = small_bench.row(0, DEFAULT, method)
    assert new.key != old.key and new.settings == old.settings == {}
    assert table.current([old, new], small_bench.family) == []


def test_the_precision_of_a_machine_makes_no_other_row(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for fast in (True, False):
        monkeypatch.setattr(recipes, "hardware", lambda fast=fast: type("Machine", (), {"fast_bf16": fast})())
        found.add(recipes.recipe_of(family, Method("any")))
    assert len(found) == 1


def test_rows_of_an_older_format_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    old = {**row(DEFAULT, 0, 0.9).as_json(), "format": "handstyle/benchmark-row/1", "preset": "p"}
    path.write_text(json.dumps(old) + "\n", encoding="utf-8")
    kept.add(path, row(DEFAULT, 1, 0.9))
    assert [one.draw for one in kept.read(path, Row)] == [1]


def test_the_page_keeps_its_words_around_the_table() -> None:
    page = table.PAGE.read_text(encoding="utf-8")
    made = table.written(page, "| it |")
    assert "| it |" in made and made.startswith(page.partition(table.BEGIN)[0])
    assert table.written(made, table.NOT_RUN) == table.written(page, table.NOT_RUN)
