"""Does every command that the pages show do what it is shown for?

They are typed in the order of the journey, in a folder as the pages describe it, on the tiny base.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from handstyle import consenting, keys, logkeeping
from handstyle.demonstration import EXAMPLE
from handstyle.finetuning import defaults
from handstyle.inspection.blind_test import Answers
from handstyle.publication import certificates
from handstyle.terminal import command_line
from handstyle.workspace import House

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
RIGHTS = '[[rights]]\nworks = ["*.png"]\nauthor = "Ada Example"\nbasis = "own-work"\n'
SHORT = {"train_batch_size": 2, "max_train": "1 epochs"}
DATA_SET = '[[datasets]]\n[[datasets.subsets]]\nimage_dir = "drawings"\nclass_tokens = "icon"\n'
# `demo` is run by .ci/run, on the shipped base; it takes minutes.
# A download is asked for in tests/diffusion/test_single_file.py, without a network; an upload in
# tests/terminal/test_commands.py, with a stand-in; trainings by the dozen in tests/test_attributing.py.
TYPED_ELSEWHERE = re.compile(r"handstyle demo|verify demo-output|--allow-download|--push-to-hub|--halves 16")
# Packages that are not among ours: tests/finetuning/test_trackers.py and test_quantised_base.py.
for package, option in {"tensorboard": "--report-to tensorboard", "bitsandbytes": "base_model_precision="}.items():
    if find_spec(package) is None:
        TYPED_ELSEWHERE = re.compile(f"{TYPED_ELSEWHERE.pattern}|{option}")


def shown_in(page: str) -> list[str]:
    lines = re.findall(r"^\$ ((?:.venv/bin/)?handstyle .+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    return [line for line in lines if not TYPED_ELSEWHERE.search(line)]


@pytest.fixture
def desk(tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with everything the pages mention, and the tiny base in place of the shipped one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setenv("HANDSTYLE_KEY_PASSPHRASE", "")
    base = shutil.copytree(tiny_base, tmp_path / "models" / "my-base")
    (base / "handstyle.toml").write_text('name = "tiny base"\nlicence = "Apache-2.0"\n', encoding="utf-8")
    monkeypatch.setattr("handstyle.diffusion.catalogue.EMBEDDED", base)
    monkeypatch.setattr("handstyle.finetuning.how_long.PATIENCE", 0)  # the length is found only where a line asks
    monkeypatch.setattr("handstyle.finetuning.defaults.FEWEST_STEPS", 4)
    monkeypatch.setattr(defaults, "named", lambda preset, named=defaults.named: named(preset).changed(**SHORT))
    drawings = sorted((EXAMPLE / "works").glob("*.png"))
    for folder, chosen in {"drawings": drawings[:8], "emoji": drawings[:3]}.items():
        (tmp_path / folder).mkdir()
        for path in chosen:
            shutil.copy(path, tmp_path / folder)
    (tmp_path / "more-drawings").mkdir()
    for path in sorted((EXAMPLE / "held_out").glob("*.png"))[:3]:
        shutil.copy(path, tmp_path / "more-drawings")
    for place in (tmp_path, tmp_path / "papers"):
        place.mkdir(exist_ok=True)
        (place / "rights.toml").write_text(RIGHTS, encoding="utf-8")
    (tmp_path / "my-recipe.toml").write_text('max_train = "4 steps"\ntrain_batch_size = 2\n', encoding="utf-8")
    (tmp_path / "dataset.toml").write_text(DATA_SET, encoding="utf-8")
    (tmp_path / "config_lora.toml").write_text("network_dim = 16\nlearning_rate = 1e-4\n", encoding="utf-8")
    (tmp_path / "train.sh").write_text("accelerate launch train_dreambooth_lora.py --rank=8\n", encoding="utf-8")
    yield tmp_path


def typed(line: str) -> int:
    """Where a page asks for hundreds of steps, eight are taken: what they are worth is not asked here."""
    short = re.sub(r"\d{3,} steps", "8 steps", line)
    _, *arguments = (os.path.expanduser(word) for word in shlex.split(short))  # noqa: PTH111  as a shell does
    return command_line.answer(arguments)


def journey(*verbs: str) -> None:
    """Everything the verb on a page needs to have been done before."""
    lines = {
        "collect": 'handstyle collect drawings --mine "Ada Example"',
        "finetune": "handstyle finetune --recipe my-recipe.toml",
        "inspect": "handstyle inspect",
        "publish": 'handstyle publish --name "Soft outline"',
    }
    for verb in verbs:
        assert typed(lines[verb]) == 0


def nothing(line: str) -> None: ...


def one_file_of_the_base(line: str) -> None:
    from tests.diffusion.test_single_file import written_as_one_file

    if not Path("my-model.safetensors").exists():
        written_as_one_file(Path("models/my-base"), Path("my-model.safetensors"))


def another_style(line: str) -> None:
    """As if it had been trained on everything else of the artist."""
    runs = Path("handstyle-workspace/runs")
    if "--oracle" in line and not (runs / "everything-else").exists():
        (run,) = runs.iterdir()
        shutil.copytree(run, runs / "everything-else")


def file_of_another_tool(line: str) -> None:
    (run,) = Path("handstyle-workspace/runs").iterdir()
    if not Path("my-style").exists():
        shutil.copytree(run / "style", "my-style")
        assert typed("handstyle convert my-style --as kohya --to elsewhere --base models/my-base") == 0
        shutil.copy("elsewhere/elsewhere.safetensors", "theirs.safetensors")
        assert typed("handstyle convert my-style --as folder --to models/tuned --base models/my-base") == 0
    if "--to" in line:
        shutil.rmtree(line.split("--to ")[1].split()[0], ignore_errors=True)


def styles_of_others(line: str) -> None:
    """`theirs.safetensors` from another tool, `my-style` and `other-style` from a run that is here."""
    if re.search(r"theirs|my-style|other-style", line) and not Path("theirs.safetensors").exists():
        styles = Path("handstyle-workspace/runs").glob("*/style")
        run = min(styles, key=lambda style: style.stat().st_mtime).parent  # the first, which is a plain one
        for place in ("my-style", "other-style"):
            shutil.copytree(run / "style", place)
        assert typed("handstyle convert my-style --as kohya --to elsewhere --base models/my-base") == 0
        shutil.copy("elsewhere/elsewhere.safetensors", "theirs.safetensors")


def pictures_to_begin_with(line: str) -> None:
    if "--from" in line and not Path("boat.png").exists():
        for name in ("sketch.png", "boat.png", "work.png"):
            Image.new("RGB", (64, 48), "navy").save(name)
        mask = Image.new("L", (64, 48))
        mask.paste(255, (40, 4, 60, 20))
        mask.save("flag.png")


def finetuning(line: str) -> None:
    own_class_images(line)
    styles_of_others(line)


def vision_model_at_hand(line: str) -> None:
    from tests.inspection.test_published_models import Sscd, made
    from tests.inspection.test_published_models import saved as of_published_names
    from tests.inspection.test_vision_models import saved

    if "--vision" in line and not Path("models/dinov2-small").exists():
        saved(Path("models/dinov2-small"), "dinov2")
    if "--vision sscd" in line:
        of_published_names(made(Sscd), Path("sscd_disc_mixup.safetensors"))


def inspecting(line: str) -> None:
    vision_model_at_hand(line)
    another_style(line)
    styles_of_others(line)


def own_class_images(line: str) -> None:
    if "--class-images" in line and not Path("portraits").exists():
        shutil.copytree("drawings", "portraits")
        stated = '[[rights]]\nworks = ["*"]\nauthor = "Ada Example"\nbasis = "own-work"\n'
        Path("portraits/rights.toml").write_text(stated, encoding="utf-8")


def broken_files_for_without(line: str) -> None:
    if "--without" in line:
        Path("drawings/old").mkdir()
        Path("drawings/old/broken.png").write_bytes(b"")
        shutil.copy(next(Path("drawings").glob("*.png")), "drawings/copy.png")


def people_who_sign(line: str) -> None:
    """A file of terms, a copy that the press has signed, and what a person types when asked for yes or a passphrase."""
    os.environ["HANDSTYLE_KEY_PASSPHRASE"] = "open sesame"
    sys.stdin = io.StringIO("yes\n")
    mine = keys.public_line(keys.own_key().public_key())
    if not Path("my-key").exists() and "--to my-key" not in line:
        keys.new_key(Path("my-key"), "open sesame")
    if "draft" in line and "--terms" in line:
        shutil.rmtree("consent", ignore_errors=True)
        Path("terms.toml").write_text(consent_terms(mine), encoding="utf-8")
    if "my-key" in line or "show ada" in line:
        theirs = Path("my-key.pub").read_text(encoding="utf-8").strip() if Path("my-key.pub").exists() else mine
        Path("terms.toml").write_text(consent_terms(theirs), encoding="utf-8")
        if not Path("ada-example.consent.json").exists() and Path("my-key.pub").exists():
            made = consenting.draft(Path("drawings"), Path("terms.toml"), Path("received"))
            shutil.copy(made.file or "", "ada-example.consent.json")
    if "--add" in line:
        signed = Path("signed-by-the-press.consent.json")
        shutil.copy("consent/ada-example.consent.json", signed)
        consenting.sign(signed, lambda: keys.KeySigner(keys.own_key()), agree=lambda words, number: True)


def consent_terms(key: str) -> str:
    holder = f'[[holders]]\nname = "Ada Example"\nroles = ["creator", "copyright-owner"]\nkey = "{key}"\n'
    people = 'keeper = "Studio"\ncontact = "studio@example.org"\nauthor = "Ada Example"\n'
    scope = '[scope]\nmethods = ["lora"]\nbases = ["any"]\n'
    scope += 'territory = ["everywhere"]\nvalid_from = 2020-01-01\ndistribution = "public"\n'
    return f'{people}{holder}basis = "author-retained"\n{scope}derivatives = true\n'


def signed_consent(line: str) -> None:
    """What the page on consent shows how to make."""
    broken_files_for_without(line)
    people_who_sign(line)
    if "--consent" in line and not Path("consent/ada-example.consent.json").exists():
        people_who_sign("draft --terms")
        made = consenting.draft(Path("drawings"), Path("terms.toml"), Path("consent"))
        consenting.sign(Path(made.file or ""), lambda: keys.KeySigner(keys.own_key()), agree=lambda words, number: True)


def no_earlier_release(line: str) -> None:
    """A release is never overwritten, and the page shows three ways to make the same one."""
    shutil.rmtree("handstyle-workspace/releases", ignore_errors=True)
    if "--key" in line:
        folder = Path.home() / ".ssh"
        keys.own_key(folder)
        (folder / keys.KEY_FILE).rename(folder / "id_ed25519")


def release_at_hand(line: str) -> None:
    if not Path("soft-outline").exists():
        shutil.copytree("handstyle-workspace/releases/soft-outline", "soft-outline")
        signer = keys.public_line(keys.own_key().public_key())
        Path("people-i-know.txt").write_text(signer + "\n", encoding="utf-8")
    if "--log" in line and not Path("log.txt").exists():
        logkeeping.start(Path("a-log"), None, House.here())
        shutil.copy("a-log/log.txt", "log.txt")
        shutil.rmtree("handstyle-workspace/releases")
        shutil.rmtree("soft-outline")
        journey("publish")
        shutil.copy("a-log/log.txt", "log.txt")
        shutil.copytree("handstyle-workspace/releases/soft-outline", "soft-outline")


def log_at_hand(line: str) -> None:
    """After the log was started, a release is made that is in it."""
    if "log start" not in line and not Path("soft-outline").exists():
        journey("publish")
        shutil.copytree("handstyle-workspace/releases/soft-outline", "soft-outline")
    if Path("my-log").exists():
        shutil.copy("my-log/log.txt", "log.txt")


def somebody_withdraws(line: str) -> None:
    """A consent that was used, its keys, a letter; and for the last example, two styles."""
    people_who_sign("show ada")
    Path("models").mkdir(exist_ok=True)
    Path("letter.pdf").write_bytes(b"Please stop.")
    if not Path("handstyle-workspace").exists():
        mine = Path("ada-example.consent.json")
        consenting.sign(mine, lambda: keys.KeySigner(keys.read_key(Path("my-key"))), agree=lambda words, number: True)
        assert typed("handstyle collect drawings --consent ada-example.consent.json") == 0
    if "generate" in line:
        shutil.rmtree(House.here().withdrawals)
        shutil.rmtree("handstyle-workspace")
        journey("collect", "finetune")
        (run,) = Path("handstyle-workspace/runs").iterdir()
        for name in ("ada", "ben"):
            shutil.copytree(run, run.with_name(name))


def one_work_is_withdrawn(line: str) -> None:
    Path("letter.pdf").write_bytes(b"Please stop.")
    work = min(Path("drawings").glob("*.png")).name
    assert typed(f'handstyle withdraw --holder "Ada Example" --evidence letter.pdf --work {work}') == 0


def release_to_rename(line: str) -> None:
    """Each line of the page renames the same release."""
    release_at_hand(line)
    shutil.rmtree("quiet-lines", ignore_errors=True)


def two_runs(line: str) -> None:
    runs = Path("handstyle-workspace/runs")
    if not (runs / "RUN").exists():
        (run,) = runs.iterdir()
        assert typed("handstyle finetune --recipe my-recipe.toml --set rank=3") == 0
        (other,) = set(runs.iterdir()) - {run}
        shutil.copytree(run, runs / "RUN")
        shutil.copytree(other, runs / "OTHER-RUN")


def table_of_captions(line: str) -> None:
    """One is never overwritten, and each line of the page makes the same one."""
    from tests.inspection.test_captioner import saved_blip

    if line.startswith("handstyle captions"):
        Path("captions.csv").unlink(missing_ok=True)
    if "--captioner" in line:
        saved_blip(Path("models/blip"))


def people_who_guessed(line: str) -> None:
    if "guesses-" not in line:
        return
    answers = Answers.load(min(Path("handstyle-workspace/blind-tests").glob("*/answers.json")))
    for number, name in enumerate(re.findall(r"guesses-\w+\.json", line)):
        told = {"format": "handstyle/guesses/1", "test": answers.commitment, "sheet": f"{number:032x}", "name": "Zoë",
                "judge": "somebody else", "saw_works_before": False, "seconds": 61,
                "guesses": list(answers.hands)}  # fmt: skip
        Path(name).write_text(json.dumps(told), encoding="utf-8")


def more_works_kept_back(line: str) -> None:
    for path in sorted((EXAMPLE / "held_out").glob("*.png"))[:6]:
        shutil.copy(path, "more-drawings")
    if not Path("handstyle-workspace").exists():
        assert typed('handstyle collect drawings --mine "Ada Example" --leave-out 4') == 0
        journey("finetune")
    people_who_guessed(line)


def picture_that_was_drawn(line: str) -> None:
    """And who signs here, for those who ask by whom it is."""
    if Path("picture.png").exists():
        return
    assert typed('handstyle generate "a red boat"') == 0
    (drawn,) = Path("handstyle-workspace/pictures").glob("*/*.png")
    shutil.copy(drawn, "picture.png")
    shutil.copy(drawn, drawn.with_name("a-red-boat-hks-style-0.png"))  # as it is called on the shipped base
    Path("people-i-know.txt").write_text(keys.public_line(keys.own_key().public_key()) + "\n", encoding="utf-8")
    Path("ana.pem").write_bytes(certificates.credentials_of(keys.own_key()).root_pem)


def base_to_vouch_for(line: str) -> None:
    release_at_hand(line)
    if "--refuse-unknown-base" in line:  # the page's release is made on a base that somebody known vouched for
        shutil.rmtree("handstyle-workspace/releases")
        shutil.rmtree("soft-outline")
        assert typed('handstyle publish --name "Soft outline" --base models/my-base') == 0
        release_at_hand(line)


PAGES: list[tuple[str, tuple[str, ...], Callable[[str], None]]] = [
    ("README.md", (), signed_consent),
    ("docs/collect.md", (), signed_consent),
    ("docs/consent.md", (), people_who_sign),
    ("docs/checkpoints.md", (), one_file_of_the_base),
    ("docs/encode.md", ("collect",), nothing),
    ("docs/finetune.md", ("collect",), finetuning),
    ("docs/generate.md", ("collect", "finetune"), styles_of_others),
    ("docs/edits.md", ("collect", "finetune"), pictures_to_begin_with),
    ("docs/inspect.md", ("collect", "finetune"), inspecting),
    ("docs/publish.md", ("collect", "finetune", "inspect"), no_earlier_release),
    ("docs/base.md", ("collect", "finetune", "inspect", "publish"), base_to_vouch_for),
    ("docs/doctor.md", (), more_works_kept_back),
    ("docs/captions.md", ("collect",), table_of_captions),
    ("docs/compare.md", ("collect", "finetune"), two_runs),
    ("docs/blind-test.md", (), more_works_kept_back),
    ("docs/influence.md", ("collect", "finetune"), picture_that_was_drawn),
    ("docs/shares.md", ("collect", "finetune"), picture_that_was_drawn),
    ("docs/detect.md", ("collect", "finetune"), picture_that_was_drawn),
    ("docs/convert.md", ("collect", "finetune"), file_of_another_tool),
    ("docs/recipe.md", (), nothing),
    ("docs/rename.md", ("collect", "finetune", "inspect", "publish"), release_to_rename),
    ("docs/log.md", ("collect", "finetune", "inspect"), log_at_hand),
    ("docs/withdraw.md", (), somebody_withdraws),
    ("docs/retrain-without.md", ("collect", "finetune"), one_work_is_withdrawn),
    ("docs/verify.md", ("collect", "finetune", "inspect", "publish"), release_at_hand),
]


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(("page", "before", "prepare"), PAGES, ids=[page for page, *_ in PAGES])
def test_every_command_a_page_shows_can_be_typed(
    page: str, before: tuple[str, ...], prepare: Callable[[str], None]
) -> None:
    journey(*before)
    lines = shown_in(page)
    assert lines
    for line in lines:
        prepare(line)
        assert typed(line) == 0, line
