"""Can the package still be read from top to bottom?

Also writes the tree in docs/architecture.md: python tests/test_architecture.py --write
"""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from handstyle.diffusion import kinds

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "handstyle"
ARCHITECTURE = ROOT / "docs" / "architecture.md"

LAYERS = [
    *("errors", "digests", "records", "progress", "tensor_files", "workspace", "keys", "envelopes"),
    *("collection", "diffusion", "encoding", "finetuning", "generation", "inspection", "origination", "publication"),
    *("results", "policy", "loading", "vouching", "gates", "inspectees", "editing", "picture_marks", "planning"),
    *("lengths", "auditing", "blind_testing", "relearning", "curating", "attributing"),
    *("collecting", "caching", "runs", "picture_folder", "oracles", "releasing"),
    *("stages", "checking", "comparing", "converting", "renaming", "sharing", "consenting", "withdrawing"),
    *("logkeeping", "retraining", "repeating", "originating"),
    *("foresight", "demonstration", "studio", "terminal", "__main__"),
]

# For people without a GPU: importing these must not import torch or what stands on it.
WITHOUT_TORCH = [
    "*.py",
    "collection/*.py",
    "diffusion/base_provenance.py",
    "diffusion/kinds.py",
    "encoding/crops.py",
    "finetuning/foreign_style.py",
    "finetuning/gain.py",
    "finetuning/stopping.py",
    "finetuning/recipe.py",
    "finetuning/trained_style.py",
    "generation/ledger.py",
    "generation/request.py",
    "generation/signature.py",
    "inspection/audit_report.py",
    "inspection/blind_page.py",
    "inspection/blind_test.py",
    "inspection/comparison.py",
    "inspection/compare_page.py",
    "inspection/influence.py",
    "inspection/influence_page.py",
    "inspection/report.py",
    "inspection/page.py",
    "origination/artwork.py",
    "origination/card.py",
    "origination/combinations.py",
    "origination/credits.py",
    "origination/figures.py",
    "origination/gates.py",
    "origination/names.py",
    "origination/recipe.py",
    "origination/sets.py",
    "publication/*.py",
    "terminal/*.py",
]
# Imported inside the function that needs them, by a file that does without.
WITH_TORCH = {
    "publication/reloads.py",
    "publication/reloaded_checkpoints.py",
    "publication/reloaded_words.py",
    "publication/outputs.py",
}
HEAVY = ["torch", "diffusers", "transformers", "peft", "accelerate"]

# What a family is called in passing. By its names in `diffusion/kinds.py` it is asked for nowhere else.
NICKNAMES = {"sd", "sd1", "sd15", "sd2", "sdxl", "xl", "sd3", "sd35", "flux"}
# The base that is shipped is made as one of them. File -> what it makes.
MADE_AS_A_FAMILY = {"origination/denoiser.py": "its U-Net", "origination/base_folder.py": "its pipeline's index"}

# Loading these can run code that somebody else put into a file.
UNSAFE_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "torch.load", "torch.save", "yaml.load", "yaml.unsafe_load"}
UNSAFE_OPTIONS = {"allow_pickle=True", "trust_remote_code=True"}
NETWORK = {"socket", "http", "urllib.request", "requests", "httpx", "httpx2", "aiohttp", "ftplib", "smtplib"}
POSIX_ONLY = {"fcntl", "pwd", "grp", "resource", "termios", "tty", "pty"}

LONGEST_FILE, LONGEST_FUNCTION = 300, 60  # lines

# Folders that exist on one machine only. Written so that this line is not one of them.
MACHINE_PATH = re.compile(r"""(?<![\w.])(?:/(?:home|Users|root|work|mnt)/\w|[A-Z]:\\Users\\\w)""")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def own_code() -> list[Path]:
    """Every Python file that is not a test."""
    folders = [PACKAGE, *(ROOT / name for name in ("benchmarks", "examples", "tools"))]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    """The second name of a dotted module; nothing for the package itself."""
    return "".join(module.split(".")[1:2])


def imported_by(tree: ast.AST) -> Iterator[str]:
    """Every module a file names in an import, also inside a function: `from a.b import c` names a.b and a.b.c."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "." * node.level
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> set[str]:
    known = {dotted(module) for module in modules()}
    return {module for module in imported_by(parsed(path)) if module in known and module != "handstyle"}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def top_level(tree: ast.Module) -> ast.Module:
    """What runs when a file is imported on any system: its statements outside functions, classes and conditions."""
    return ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])


def question(path: Path) -> str:
    """The first sentence of a file, as far as it stands in the first line."""
    return re.split(r"(?<=[.?!]) ", (ast.get_docstring(parsed(path)) or "").split("\n")[0])[0]


# Order


def test_every_module_belongs_to_a_layer() -> None:
    strays = {dotted(path) for path in modules() if layer_of(dotted(path)) not in ["", *LAYERS]}
    assert not strays, f"{sorted(strays)}: give each a place in LAYERS"


def test_every_module_imports_only_from_what_stands_above_it() -> None:
    wrong = [
        f"{name(path)} imports {module}"
        for path in modules()
        for module in sorted(own_imports(path))
        if LAYERS.index(layer_of(module)) > LAYERS.index(layer_of(dotted(path)) or "errors")
    ]
    assert not wrong, "\n".join(wrong)


def test_folders_in_the_order_of_the_journey_are_also_in_alphabetical_order() -> None:
    folders = [layer for layer in LAYERS if (PACKAGE / layer).is_dir()]
    assert folders == sorted(folders)


def test_no_module_imports_itself_by_a_detour() -> None:
    try:
        TopologicalSorter({dotted(path): own_imports(path) - {dotted(path)} for path in modules()}).prepare()
    except CycleError as cycle:
        pytest.fail(" -> ".join(cycle.args[1]))


def test_names_are_imported_from_the_file_that_owns_them() -> None:
    relative = [name(path) for path in modules() if any(module.startswith(".") for module in imported_by(parsed(path)))]
    assert not relative, f"write `from handstyle.x.y import z` in {relative}"


# Files


@pytest.mark.parametrize("path", [path for path in modules() if path.name == "__init__.py"], ids=name)
def test_an_init_file_holds_only_its_docstring(path: Path) -> None:
    tree = parsed(path)
    assert ast.get_docstring(tree), "it has no docstring"
    allowed = {"__version__"} if path.parent == PACKAGE else set()
    others = {ast.unparse(node).split(" = ")[0] for node in tree.body[1:]}
    assert others == allowed


@pytest.mark.parametrize("path", [path for path in own_code() if path.name != "__init__.py"], ids=name)
def test_the_first_line_asks_the_question_the_file_answers(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith('"""'), "the docstring comes first"
    assert question(path).endswith("?"), f"its first line begins {question(path)!r}"


@pytest.mark.parametrize("path", own_code(), ids=name)
def test_files_and_functions_fit_in_a_head(path: Path) -> None:
    lengths = {name(path): (path.read_text(encoding="utf-8").count("\n"), LONGEST_FILE)}
    for node in functions(parsed(path)):
        lengths[f"{name(path)}:{node.name}"] = ((node.end_lineno or 0) - node.lineno + 1, LONGEST_FUNCTION)
    long = [f"{what}: {lines} lines, at most {most}" for what, (lines, most) in lengths.items() if lines > most]
    assert not long, "\n".join(long)


# Promises


@functools.cache
def light_imports() -> subprocess.CompletedProcess[str]:
    """A fresh Python imports what needs no torch, one module after the other, and stops at the first that brings it."""
    paths = {path for pattern in WITHOUT_TORCH for path in PACKAGE.glob(pattern)}
    light = sorted(dotted(path) for path in paths - {PACKAGE / heavy for heavy in WITH_TORCH})
    probe = (
        "import importlib, json, sys\n"
        "for module in json.loads(sys.argv[1]):\n"
        "    importlib.import_module(module)\n"
        f"    heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "    if heavy: sys.exit(f'{module} imports {heavy[0]}')\n"
    )
    return subprocess.run(
        [sys.executable, "-c", probe, json.dumps(light)], capture_output=True, text=True, cwd=PACKAGE.parent
    )


def test_permission_records_and_releases_work_without_torch() -> None:
    assert light_imports().returncode == 0, light_imports().stderr


def test_importing_says_nothing() -> None:
    assert not light_imports().stderr


@pytest.mark.parametrize("path", modules(), ids=name)
def test_no_file_can_run_code_that_came_in_a_file(path: Path) -> None:
    tree = parsed(path)
    unsafe = UNSAFE_IMPORTS & {module.split(".")[0] for module in imported_by(tree)}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        unsafe |= UNSAFE_CALLS & {ast.unparse(call.func)}
        unsafe |= UNSAFE_OPTIONS & {ast.unparse(word) for word in call.keywords}
    assert not unsafe, f"{sorted(unsafe)}: safetensors and JSON say the same and run nothing"


def names_of_families(tree: ast.Module) -> set[str]:
    """Those a file spells out: as a text, as a class, as a module, or in a comparison by a nickname."""
    rows = kinds.KINDS
    known = {called for row in rows for called in (row.name, row.pipeline, row.denoiser)}
    known |= {called for row in rows for both in row.called.values() for called in both}
    files = {f"handstyle.diffusion.{path.stem}" for path in (PACKAGE / "diffusion").glob("stable_diffusion_*.py")}
    found = (files | {"handstyle.diffusion.flux"}) & set(imported_by(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            found |= known & {str(node.value)}
        elif isinstance(node, ast.Name):
            found |= known & {node.id}
        elif isinstance(node, ast.Attribute):
            found |= known & {node.attr}
        elif isinstance(node, ast.alias):
            found |= known & {node.name}
        elif isinstance(node, ast.Compare | ast.MatchValue):
            inside = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
            found |= {text for text in map(str, inside) if text.lower() in NICKNAMES}
    return found


def test_what_differs_between_families_stands_in_diffusion() -> None:
    """Elsewhere nobody asks which of them a base is: what is asked for is in its file, or in its row."""
    elsewhere = [path for path in modules() if layer_of(dotted(path)) != "diffusion"]
    named = {path.relative_to(PACKAGE).as_posix(): names_of_families(parsed(path)) for path in elsewhere}
    asking = {file: found for file, found in named.items() if found and file not in MADE_AS_A_FAMILY}
    assert not asking, f"{asking}: give `Kind` in diffusion/kinds.py, or the family, what this asks"
    assert all(named[file] for file in MADE_AS_A_FAMILY), "one of these no longer does"


@pytest.mark.parametrize(
    "line",
    [
        'if style.base.family != "stable-diffusion-xl": pass',
        "isinstance(network, FluxTransformer2DModel)",
        "diffusers.StableDiffusionXLPipeline",
        "from diffusers import SD3Transformer2DModel",
        "from handstyle.diffusion.flux import packed",
        'if kind in ("sdxl", "sd3"): pass',
        'NETWORKS = {"sdxl_base_v1-0": 3}',
    ],
)
def test_a_file_that_asks_for_a_family_would_be_found(line: str) -> None:
    assert names_of_families(ast.parse(line))


@pytest.mark.parametrize("path", modules(), ids=name)
def test_nothing_reaches_for_the_network(path: Path) -> None:
    assert not NETWORK & set(imported_by(parsed(path)))


@pytest.mark.parametrize("path", modules(), ids=name)
def test_every_module_imports_on_every_system(path: Path) -> None:
    assert not POSIX_ONLY & set(imported_by(top_level(parsed(path))))


def test_no_tracked_file_names_a_folder_of_one_machine() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode != 0:
        pytest.skip("not a checkout")
    found = []
    for tracked in filter(None, listing.stdout.split("\0")):
        data = (ROOT / tracked).read_bytes() if (ROOT / tracked).is_file() else b"\0"
        if b"\0" not in data[:8192]:  # text
            for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
                found += [f"{tracked}:{number}: {line.strip()[:100]}"] if MACHINE_PATH.search(line) else []
    assert not found, "\n".join(found)


# The tree in docs/architecture.md

BEGIN, END = "<!-- tree: written by tests/test_architecture.py --write -->", "<!-- end of tree -->"


def tree() -> str:
    """The package in the order of the journey, each file with its question."""
    lines = ["```", "handstyle/"]
    for layer in LAYERS:
        if (PACKAGE / layer).is_dir():
            lines.append(f"{'|-- ' + layer + '/':<31}{question(PACKAGE / layer / '__init__.py')}")
            files = sorted(path for path in (PACKAGE / layer).glob("*.py") if path.name != "__init__.py")
            lines += [f"{'|   |-- ' + path.name:<31}{question(path)}" for path in files]
        elif (PACKAGE / f"{layer}.py").exists():
            lines.append(f"{'|-- ' + layer + '.py':<31}{question(PACKAGE / f'{layer}.py')}")
    return "\n".join([*lines, "```"])


def with_tree(page: str) -> str:
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{tree()}\n{END}{rest.split(END)[1]}"


def test_the_architecture_page_shows_the_real_tree() -> None:
    page = ARCHITECTURE.read_text(encoding="utf-8")
    assert page == with_tree(page), "run: python tests/test_architecture.py --write"


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(__doc__)
    ARCHITECTURE.write_text(with_tree(ARCHITECTURE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
