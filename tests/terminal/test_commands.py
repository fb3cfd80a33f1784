"""Does every verb hand on what was typed, and print what its stage made?"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from handstyle import blind_testing, stages
from handstyle.comparing import RunsCompared
from handstyle.demonstration import Demonstrated
from handstyle.errors import UsageMistake
from handstyle.finetuning.recipe import Recipe
from handstyle.generation.request import GenerationRequest
from handstyle.publication.verification import Finding, Verification
from handstyle.results import Collected, Finetuned, Generated, Inspected, Published
from handstyle.workspace import DEFAULT, Workspace

FLAGS = {
    "collect": "mine licence licence-choice author source evidence seen rights consent leave-out without background "
    "plain-folders captions dry-run for letter pictures keeper contact base workspace",
    "doctor": "captions influence rounds base workspace",
    "captions": "template captioner workspace",
    "encode": "base workspace",
    "finetune": "base preset recipe set algo train-text-encoder-ti num-vectors initializer-token token-lr "
    "rescale-betas-zero-snr tlora class-images further stop dry-run resume extend network-weights plain "
    "save-every sample-every report-to workspace",
    "generate": "prompts seeds negative-prompt guidance steps sampler width height clip-skip style sheet to key plain "
    "base from strength mask outpaint resample source-permission meter workspace",
    "inspect": "style further oracle vision audit base workspace",
    "publish": "name key model-licence distribution keeper contact to push-to-hub public private base workspace",
    "compare": "prompt weights further base workspace",
    "influence": "prompt style retrain halves one-by-one base workspace",
    "shares": "pool per-picture per-released per-period periods flat currency by style since until to workspace",
    "rename": "identifier key to remove-old workspace",
    "base": "config allow-download made-from because key workspace",
    "convert": "as to base rank extract workspace",
    "recipe": "to",
    "verify": "trust refuse-unknown-base log witness max-age retrain works base",
    "withdraw": "holder evidence work search key to workspace",
    "retrain-without": "run base workspace",
    "detect": "trust trust-certificate",
    "demo": "to short",
}
FINETUNED = Finetuned(
    run="r", style="runs/r/style", tensors="t", steps=240, seconds=65, pictures_per_second=9, peak_memory_bytes=7
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two drawings, named for what they show."""
    for name, colour in {"red-hat": "red", "blue-cat": "blue"}.items():
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
    return tmp_path


# Help


@pytest.mark.parametrize("command", FLAGS)
def test_help_names_every_option(typed: Any, command: str) -> None:
    answer = typed(command, "--help")
    shown = set(re.findall(r"--([a-z][a-z-]+)", answer.out))
    assert shown == {*FLAGS[command].split(), "json", "help"} | ({"licence"} if command == "collect" else set())
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.parametrize("command", FLAGS)
def test_help_says_something_of_every_option(typed: Any, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    silent = [line for line in typed(command, "--help").out.splitlines() if re.fullmatch(r"\s+--?\S+( \S+)?\s*", line)]
    assert not silent


def test_the_verbs_stand_in_the_order_of_the_journey(typed: Any) -> None:
    assert re.findall(r"^  ([\w-]+)  +\w", typed("--help").out.split("Commands:")[1], re.MULTILINE) == [
        *list(FLAGS),
        "consent",
        "log",
        "blind-test",
        "originate",
    ]


def test_handstyle_alone_shows_its_help(typed: Any) -> None:
    answer = typed()
    assert (answer.code, answer.out) == (UsageMistake.exit_code, "")
    assert answer.err == typed("--help").out


def test_what_help_says_is_taken_by_default_is_what_the_stages_take(typed: Any) -> None:
    def default(stage: Any, name: str) -> Any:
        return inspect.signature(stage).parameters[name].default

    def shown(command: str, option: str) -> str:
        spaced = " ".join(typed(command, "--help").out.split()).replace("- ", "-")
        found = re.search(rf"--{option} (?:(?! --).)*?\[([^\]]+)\]", spaced)
        assert found
        return found[1]

    assert shown("collect", "leave-out") == str(default(stages.collect, "validation"))
    assert shown("collect", "background") == default(stages.collect, "background")
    assert shown("finetune", "save-every") == str(default(stages.finetune, "save_every"))
    assert shown("finetune", "sample-every") == str(default(stages.finetune, "sample_every"))
    assert shown("generate", "sampler") == GenerationRequest.model_fields["sampler"].default
    assert shown("encode", "workspace") == str(DEFAULT)


# collect


def test_a_folder_and_a_name_make_a_collection(typed: Any, folder: Path, tmp_path: Path) -> None:
    answer = typed("collect", folder, "--mine", "Ada Example", "--leave-out", "1", "-w", tmp_path / "space")
    assert answer.code == 0
    words, record = answer.out.splitlines()
    assert words == "2 of 2 pictures became works: 1 to train on, 1 kept back to check with"
    assert json.loads(Path(record).read_text())["works"]


def test_the_same_as_json_is_what_the_stage_returned(typed: Any, folder: Path, tmp_path: Path) -> None:
    answer = typed("collect", folder, "--mine", "Ada", "--without", "red-hat.png", "--json", "-w", tmp_path / "space",
                   "--leave-out", "none")  # fmt: skip
    made = Collected.model_validate_json(answer.out)
    assert (made.works, made.for_validation, made.left_out) == (1, 0, 1)


def test_works_without_permission_are_refused(typed: Any, folder: Path, tmp_path: Path) -> None:
    answer = typed("collect", folder, "-w", tmp_path / "space")
    assert (answer.code, answer.out) == (3, "")
    assert '--mine "YOUR NAME"' in answer.err
    assert not (tmp_path / "space").exists()


def test_what_was_not_typed_is_left_to_the_stage(typed: Any, stage: Any, folder: Path) -> None:
    call = stage("collect", KeyboardInterrupt())
    typed("collect", folder, "--mine", "Ada")
    assert set(call.named) == {"progress"}
    assert call.positional[0] == Workspace(DEFAULT)


# finetune


def test_choices_with_an_option_of_their_own_reach_the_recipe(typed: Any, run: Any) -> None:
    typed("finetune", "--algo", "textual-inversion", "--num-vectors", "2", "--initializer-token", "red boat",
          "--token-lr", "0.005", "--set", "rank=4")  # fmt: skip
    assert run.plan.named["settings"] == {
        "rank": "4", "algo": "textual-inversion", "num_vectors": 2, "initializer_token": "red boat", "token_lr": 0.005,
    }  # fmt: skip
    typed("finetune", "--train-text-encoder-ti", "--rescale-betas-zero-snr")
    assert run.plan.named["settings"] == {"train_text_encoder_ti": True, "rescale_betas_zero_snr": True}
    typed("finetune")
    assert run.plan.named["settings"] == {}


@pytest.mark.parametrize("other", [["--set", "algo=loha"], ["--extend", "9 steps"]])
def test_a_choice_is_made_once(typed: Any, run: Any, other: list[str]) -> None:
    answer = typed("finetune", "--algo", "lokr", *other)
    assert answer.code == UsageMistake.exit_code and "--algo" in answer.err


@pytest.fixture
def run(stage: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`plan` and `finetune`, without a base: what they were called with."""
    plan = stage("plan", SimpleNamespace(notes=(), recipe=Recipe(rank=4, class_words="Zoë's icon")))
    finetune = stage("finetune", FINETUNED)
    pretend = stages.finetune

    def announcing(*positional: Any, announce: Any, **named: Any) -> Any:
        announce("240 steps, about 1:05 minutes")
        return pretend(*positional, **named)

    monkeypatch.setattr(stages, "finetune", announcing)
    return SimpleNamespace(plan=plan, finetune=finetune)


def test_recipe_and_cost_are_shown_beside_the_result(typed: Any, run: Any) -> None:
    answer = typed("finetune")
    assert answer.out == "240 steps in 1:05 minutes\nruns/r/style\n"
    assert "rank = 4" in answer.err
    assert "240 steps, about 1:05 minutes" in answer.err


def test_a_dry_run_prints_a_recipe_that_can_be_given_back(typed: Any, run: Any, tmp_path: Path) -> None:
    answer = typed("finetune", "--dry-run")
    (tmp_path / "recipe.toml").write_text(answer.out, encoding="utf-8")
    assert Recipe.from_toml(tmp_path / "recipe.toml") == Recipe(rank=4, class_words="Zoë's icon")
    assert tomllib.loads(answer.out)["class_words"] == "Zoë's icon"
    assert answer.err == "240 steps, about 1:05 minutes\n"
    assert run.finetune.named["dry_run"]


def test_a_dry_run_as_json_holds_the_recipe_too(typed: Any, run: Any) -> None:
    told = json.loads(typed("finetune", "--dry-run", "--json").out)
    assert told["steps"] == 240
    assert told["recipe"]["rank"] == 4


def test_choices_reach_the_plan_and_the_run(typed: Any, run: Any) -> None:
    typed("finetune", "--base", "b", "--preset", "small_base", "--set", "rank=16", "--set", "max_train=9 epochs",
          "--class-images", "c", "--further", "f", "--resume", "--save-every", "5", "--sample-every", "7",
          "--plain", "--report-to", "trackio")  # fmt: skip
    assert run.plan.positional == (Workspace(DEFAULT), Path("b"))
    assert run.plan.named == {
        "preset": "small_base",
        "settings": {"rank": "16", "max_train": "9 epochs"},
        "class_images": Path("c"),
        "plain": True,
    }
    told = {name: value for name, value in run.finetune.named.items() if name != "progress"}
    assert told == {"resume": True, "dry_run": False, "further": Path("f"), "save_every": 5, "sample_every": 7,
                    "report_to": "trackio"}  # fmt: skip


def test_the_verdict_on_its_length_stands_below_a_run(typed: Any, run: Any, stage: Any) -> None:
    stage("finetune", FINETUNED.model_copy(update={"verdict": ("Keep snapshot 240: so.", "There it has more.")}))
    assert typed("finetune", "--stop", "cross-fitted").out.splitlines()[1:3] == [
        "Keep snapshot 240: so.", "There it has more."
    ]  # fmt: skip


def test_a_way_to_stop_that_is_not_known_is_refused(typed: Any, run: Any) -> None:
    answer = typed("finetune", "--stop", "soon")
    assert (answer.code, answer.err.splitlines()[0]) == (2, "error: --stop soon is not known")


# generate


def test_pictures_are_listed_one_a_line(typed: Any, stage: Any) -> None:
    stage("generate", Generated(folder="p", pictures=("p/a.png", "p/b.png"), sheet="p/sheet.png"))
    assert typed("generate", "a cat").out == "p/a.png\np/b.png\np/sheet.png\n"


def test_alternatives_seeds_and_settings_are_read(typed: Any, stage: Any) -> None:
    call = stage("generate", Generated(folder="p", pictures=(), sheet=None))
    typed("generate", "a {red|blue} cat", "a dog", "--seeds", "1,5-7", "--guidance", "2.5", "--steps", "9",
          "--sampler", "euler", "--negative-prompt", "grey", "--width", "32", "--height", "64",
          "--style", "one=0.5", "--style", "two", "--sheet", "--meter", "--to", "here", "--plain")  # fmt: skip
    assert call.positional[1] == ["a red cat", "a blue cat", "a dog"]
    assert call.named.pop("progress")
    assert call.named == {
        "seeds": [1, 5, 6, 7],
        "settings": {"negative_prompt": "grey", "guidance_scale": 2.5, "num_inference_steps": 9, "sampler": "euler",
                     "width": 32, "height": 64},
        "styles": ["one=0.5", "two"],
        "sheet": True,
        "meter": True,
        "to": Path("here"),
        "plain": True,
    }  # fmt: skip
    assert set(call.named["settings"]) < set(GenerationRequest.model_fields)


# inspect, publish, verify, demo


def test_inspect_prints_its_verdict_and_the_page(typed: Any, stage: Any) -> None:
    stage(
        "inspect",
        Inspected(report="r.json", page="r.html", verdict=("It learnt.", "It copied nothing."),
                         held_out_gain=None, held_out_gain_interval=None, nearer_to_truth=None, prompts=None),
    )  # fmt: skip
    assert typed("inspect").out == "It learnt.\nIt copied nothing.\nr.html\n"


def test_publish_prints_licence_signer_and_folder_and_gives_its_reasons_beside(typed: Any, stage: Any) -> None:
    call = stage(
        "publish",
        Published(release="out", signer="SHA256:x", licence="MIT", weights=(), reasons=("Permitted.", "Seen.")),
    )
    answer = typed("publish", "--name", "Ink", "--model-licence", "MIT", "--key", "k", "--to", "out")
    assert answer.out == "MIT, signed by SHA256:x\nout\n"
    assert answer.err == "Permitted.\nSeen.\n"
    assert call.positional[1] == "Ink"
    assert call.named["key"] == Path("k")


def test_publish_sends_a_release_only_where_it_was_typed_and_keeps_it_private(typed: Any, stage: Any) -> None:
    sent = Published(
        release="out", signer="x", licence="MIT", weights=(), reasons=(), address="https://huggingface.co/ana/ink"
    )
    call = stage("publish", sent)
    typed("publish", "--name", "Ink")
    assert "push" not in call.named
    answer = typed("publish", "--name", "Ink", "--push-to-hub", "ana/ink")
    assert answer.out.endswith("out\nhttps://huggingface.co/ana/ink\n")
    assert (call.named["push"].repo, call.named["push"].public) == ("ana/ink", False)
    typed("publish", "--name", "Ink", "--push-to-hub", "ana/ink", "--public")
    assert call.named["push"].public
    assert typed("publish", "--name", "Ink", "--public").code == 2
    assert typed("publish", "--name", "Ink", "--push-to-hub", "ink").code == 2


@pytest.mark.parametrize(
    ("status", "code"), [("trusted", 0), ("intact", 0), ("unknown", 3), ("lapsed", 3), ("broken", 3)]
)
def test_verify_ends_as_its_status_says(typed: Any, stage: Any, status: Any, code: int) -> None:
    found = Verification(
        status=status, words="so it is", name=None, signer=None, published=None, number_of_files=0, permission=(),
        findings=() if code == 0 else (Finding(kind="extra", where="a\x1b[2J.txt", words="was not there"),),
    )  # fmt: skip
    stage("verify", found)
    answer = typed("verify", "release")
    assert (answer.code, answer.err) == (code, "")
    assert answer.out == "so it is\n" + ("" if code == 0 else "  - a\\x1b[2J.txt: was not there\n")
    told = typed("verify", "release", "--json")
    assert (told.code, json.loads(told.out)) == (code, found.as_json())


def test_a_folder_that_is_no_release_is_broken(typed: Any, folder: Path) -> None:
    answer = typed("verify", folder, "--json")
    assert (answer.code, json.loads(answer.out)["status"]) == (3, "broken")


def test_the_demo_says_where_to_look(typed: Any, stage: Any) -> None:
    made = Demonstrated(
        folder="demo-output", report="demo-output/report.html", release="demo-output/release", release_status="intact",
        finetune_seconds=1, total_seconds=2, peak_memory_bytes=3, held_out_gain=4, held_out_gain_interval=(3, 5),
        nearer_to_truth=6, prompts=7,
    )  # fmt: skip
    call = stage("demo", made)
    assert typed("demo", "--short").out == "demo-output/report.html\ndemo-output/release\n"
    assert (call.positional, call.named["short"]) == ((Path("demo-output"),), True)


def test_two_runs_and_how_to_compare_them_reach_the_comparison(typed: Any, stage: Any) -> None:
    made = RunsCompared(comparison="c.json", page="c.html", verdict=("It is so.",), gained=0.1, interval=(0, 0.2))
    call = stage("compare", made)
    answer = typed("compare", "one", "two", "--prompt", "a", "--prompt", "b", "--weights", "0.5,1", "--further", "f")
    assert answer.out == "It is so.\nc.html\n"
    assert call.positional == (Workspace(DEFAULT), "one", "two")
    assert (call.named["prompts"], call.named["weights"], call.named["further"]) == (["a", "b"], [0.5, 1], Path("f"))
    assert typed("compare", "one", "two", "--weights", "much").code == UsageMistake.exit_code
    typed("compare", "one", "two")
    assert not {"prompts", "weights"} & set(call.named)


def test_a_blind_test_is_made_and_read(typed: Any, stage: Any) -> None:
    sealed = blind_testing.Made(page="p.html", answers="a.json", commitment="c" * 64, drawings=8)
    call = stage("make", sealed)
    answer = typed("blind-test", "make", "--run", "r", "--drawings", "9", "--further", "f")
    assert answer.out == f"8 drawings, sealed as {'c' * 64}\np.html\n" and "keep a.json to yourself" in answer.err
    assert (call.positional, call.named["drawings"], call.named["further"]) == ((Workspace(DEFAULT), "r"), 9, Path("f"))
    assert typed("blind-test", "make", "--drawings", "3").code == UsageMistake.exit_code
    assert typed("blind-test", "read").code == UsageMistake.exit_code
