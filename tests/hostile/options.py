"""Words of the command line that cannot be meant: does each end with 2 and say what can be typed?"""

from __future__ import annotations

from tests.hostile.case import Case, End, Ended, Place, Words, refused
from tests.hostile.pictures import collecting
from tests.hostile.png import GOOD
from tests.hostile.shelf import finetuning, put_workspace

MISTAKE = 2


def typing(name: str, words: list[str], ends: End) -> Case:
    """In a folder where nothing has been done yet."""
    return Case(name, lambda place: words, ends)


def collected_with(name: str, options: list[str], ends: End) -> Case:
    def make(place: Place) -> Words:
        place.write("boat.png", GOOD)
        return collecting(place, *options)

    return Case(name, make, ends)


def drawn(name: str, words: list[object], ends: End) -> Case:
    """`generate` on a tiny base, which wears nothing unless it is told to."""

    def make(place: Place) -> Words:
        put_workspace(place.shelf.finished, place.shelf.works, place)
        style = [] if "--style" in words else ["--style", "none"]
        return ["generate", *words, "--base", place.shelf.base, *style, "-w", place.workspace]

    return Case(name, make, ends)


def finetuned(name: str, words: list[object], ends: End) -> Case:
    def make(place: Place) -> Words:
        put_workspace(place.shelf.finished, place.shelf.works, place)
        return finetuning(place.shelf.base, *words, "-w", place.workspace)

    return Case(name, make, ends)


def pictures(number: int) -> End:
    def check(ended: Ended) -> None:
        assert ended.code == 0, ended.words
        assert len(ended.told["pictures"]) == number

    return check


def prompts_of(name: str, content: bytes, ends: End) -> Case:
    def make(place: Place) -> Words:
        file = place.write("prompts.txt", content)
        return ["generate", "--prompts", file, "--seeds", "x", "-w", place.workspace]

    return Case(name, make, ends)


NO_SEEDS = refused("is not a list of seeds", MISTAKE)
NO_STYLE = refused("is not NAME=WEIGHT", MISTAKE)
CASES: list[Case] = [
    typing("a verb nobody knows", ["colect"], refused("Did you mean", MISTAKE)),
    typing("a verb with NUL", ["col\0lect"], refused("No such command", MISTAKE)),
    typing("a verb of half a character", ["col\udcc3lect"], refused("No such command", MISTAKE)),
    typing("an option nobody knows", ["encode", "--bas", "x"], refused("--bas", MISTAKE)),
    typing("a switch with a value", ["finetune", "--plain=x"], refused("--plain", MISTAKE)),
    typing("a folder with NUL", ["collect", "a\0b", "--mine", "Ada"], refused("null byte", MISTAKE)),
    typing("a folder with a name of a megabyte", ["collect", "a" * (1 << 20), "--mine", "Ada"],
            refused("is too long for a path", MISTAKE)),
    typing("a folder that is not there", ["collect", "nowhere", "--mine", "Ada"], refused("is not a folder", MISTAKE)),
    typing("a workspace with NUL", ["encode", "-w", "a\0b"], refused("null byte", MISTAKE)),
    typing("a workspace with a name of a megabyte", ["encode", "-w", "a" * (1 << 20)],
            refused("is too long for a path", MISTAKE)),
    typing("a base with NUL", ["encode", "--base", "a\0b"], refused("null byte", MISTAKE)),
    typing("a release with NUL", ["verify", "a\0b"], refused("null byte", MISTAKE)),
    typing("a recipe with NUL", ["finetune", "--recipe", "a\0b"], refused("null byte", MISTAKE)),
    typing("a number that is a word", ["generate", "a", "--width", "wide"], refused("--width", MISTAKE)),
    typing("a number that is none", ["generate", "a", "--guidance", "much"], refused("--guidance", MISTAKE)),
    typing("a step of nought", ["finetune", "--save-every", "0"], refused("--save-every", MISTAKE)),
    typing("a setting without a value", ["finetune", "--set", "rank"], refused("KEY=VALUE", MISTAKE)),
    typing("a setting of lists without an end", ["finetune", "--set", "lora_modules=" + "[" * 100_000],
            refused("--set", MISTAKE)),
    typing("a setting that is a list with a bomb in it",
            ["finetune", "--set", "lora_modules=[{a" + ".a" * 100_000 + "=1}]"], refused("--set", MISTAKE)),
    typing("options that exclude each other", ["finetune", "--recipe", "a", "--preset", "b"],
            refused("exclude each other", MISTAKE)),
    typing("nothing to draw", ["generate"], refused("there is nothing to draw", MISTAKE)),
    typing("a million prompts in one", ["generate", "{a|b}" * 20],
            refused("asks for more than 10000 prompts", MISTAKE)),
    typing("braces in braces", ["generate", "{" * 100_000, "--seeds", "x"], NO_SEEDS),
    typing("braces of a hundred thousand choices", ["generate", "{" + "|" * 100_000 + "}"],
            refused("asks for more than", MISTAKE)),
    *(
        typing(f"seeds {name}", ["generate", "a", "--seeds", seeds], NO_SEEDS)
        for name, seeds in {
            "that are a word": "one",
            "below nought": "-1",
            "of nothing": "",
            "the wrong way round": "8-5",
            "of a thousand million": "0-999999999",
            "of 5000 digits": "9" * 5000,
            "of other digits": "１-x",
            "with a line break": "1\n2",
        }.items()
    ),
    prompts_of("prompts of nothing", b"", refused("there is nothing to draw", MISTAKE)),
    prompts_of("prompts of UTF-16", "a boat".encode("utf-16"), refused("cannot be read", MISTAKE)),
    prompts_of("prompts of half a character", b"\xe2\x82", refused("cannot be read", MISTAKE)),
    Case("prompts that are a device without an end", lambda place: ["generate", "--prompts", "/dev/zero"],
            refused("cannot be read", MISTAKE)),
    Case("prompts that are a folder", lambda place: ["generate", "--prompts", place.given],
            refused("cannot be read", MISTAKE)),
    collected_with("a background nobody knows", ["--background", "whitish"], refused("is not a plain colour", MISTAKE)),
    collected_with("a background of a million digits", ["--background", "#" + "f" * 1_000_000],
            refused("is not a plain colour", MISTAKE)),
    collected_with("a background that is clear", ["--background", "#ffffff00"],
            refused("is not a plain colour", MISTAKE)),
    *(
        collected_with(f"{number} works left out", ["--leave-out", number], refused("cannot be", MISTAKE))
        for number in ("most", "1", "99", "-1", "nan", "inf", "1e3", "²", "9" * 5000)
    ),
    collected_with("two permissions", ["--licence", "MIT"], refused("exclude each other", MISTAKE)),
    collected_with("the same file left out twice", ["--without", "boat.png", "--without", "boat.png"],
            refused("every picture in it is left out")),
    drawn("a picture", ["a boat", "--steps", 1], pictures(1)),
    drawn("words of nothing", [" "], refused("the prompt is empty", MISTAKE)),
    drawn("words with NUL", ["a\0boat", "--steps", 1], refused("prompt: ", MISTAKE)),
    drawn("words of half a character", ["a\udcc3boat", "--steps", 1], refused("prompt: ", MISTAKE)),
    drawn("words of a megabyte", ["boat " * 200_000, "--steps", 1], pictures(1)),
    drawn("no width", ["a", "--width", 0], refused("width: ", MISTAKE)),
    drawn("a width below nought", ["a", "--width", -8], refused("width: ", MISTAKE)),
    drawn("a width of a million", ["a", "--width", 1_000_000], refused("width: ", MISTAKE)),
    drawn("a width the base cannot draw", ["a", "--width", 17], refused("multiple", MISTAKE)),
    drawn("no steps", ["a", "--steps", 0], refused("num_inference_steps: ", MISTAKE)),
    drawn("a million steps", ["a", "--steps", 1_000_000], refused("num_inference_steps: ", MISTAKE)),
    drawn("guidance that is no number", ["a", "--guidance", "nan"], refused("guidance_scale: ", MISTAKE)),
    drawn("guidance without an end", ["a", "--guidance", "inf"], refused("guidance_scale: ", MISTAKE)),
    drawn("a sampler nobody knows", ["a", "--sampler", "magic"], refused("sampler: ", MISTAKE)),
    drawn("a seed too large", ["a", "--seeds", "9" * 18], pictures(1)),
    drawn("a style nobody knows", ["a", "--style", "nobody"], refused("there is no style", MISTAKE)),
    drawn("a style above the workspace", ["a", "--style", "../../etc"], refused("there is no style", MISTAKE)),
    drawn("a style with NUL", ["a", "--style", "a\0b"], refused("there is no style", MISTAKE)),
    drawn("a style with a name of a megabyte", ["a", "--style", "a" * (1 << 20)],
            refused("is too long for a path", MISTAKE)),
    drawn("a weight that is a word", ["a", "--style", "x=much"], NO_STYLE),
    drawn("a weight that is no number", ["a", "--style", "x=nan"], NO_STYLE),
    drawn("a weight of a million", ["a", "--style", "x=1e6"], NO_STYLE),
    drawn("a weight of nobody", ["a", "--style", "=1"], NO_STYLE),
    drawn("pictures to where a file is", ["a", "--steps", 1, "--to", "/dev/null"], refused("could not be written")),
    finetuned("a preset nobody knows", ["--preset", "../../recipe"], refused("there is no preset")),
    finetuned("a setting nobody knows", ["--set", "rnak=3"], refused("did you mean `rank`?")),
    finetuned("a setting of nothing", ["--set", "rank="], refused("rank: ")),
    finetuned("a setting that is none", ["--set", "rank=none"], refused("rank: ")),
    finetuned("works to compare with that are not there", ["--further", "nowhere", "--set", "seed=7"],
            refused("is not a folder", MISTAKE)),
]  # fmt: skip


def extending(duration: str, ends: End) -> Case:
    def make(place: Place) -> Words:
        put_workspace(place.shelf.finished, place.shelf.works, place)
        return ["finetune", "--base", place.shelf.base, "--extend", duration, "-w", place.workspace]

    return Case(f"going on for `{duration:.12}`", make, ends)


NO_DURATION = refused("is no duration", MISTAKE)
CASES += [
    extending(duration, NO_DURATION) for duration in ("", "soon", "-1 steps", "0 steps", "nan", "9" * 5000 + " steps")
]
CASES += [extending(f"{10**9} steps", refused("max_train"))]
