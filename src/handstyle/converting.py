"""How does a style change its format, join others, or leave a checkpoint?

Nothing counts as written before another program has loaded it and computed what the changed base computes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from handstyle import digests
from handstyle.errors import UsageMistake
from handstyle.finetuning.foreign_style import UNKNOWN
from handstyle.gates import require_generating, require_own_styles_in
from handstyle.loading import load_base
from handstyle.publication.descent import MERGED_FROM
from handstyle.records import Record
from handstyle.tensor_files import metadata_of
from handstyle.vouching import require_known_base, require_unknown_to_be_welcome
from handstyle.workspace import Workspace, unfinished

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.diffusion.pairs import Adapter, Pair
    from handstyle.finetuning.recipe import Recipe

Form = Literal["diffusers", "kohya", "checkpoint", "folder"]
FORMS: tuple[Form, ...] = ("diffusers", "kohya", "checkpoint", "folder")


class Converted(Record):
    """What `convert` leaves behind."""

    file: str
    form: Form
    layers: int
    largest_rank: int  # 0 where all weights are written
    missed: float  # share of the change that the ranks do not hold
    largest_difference: float  # of outputs, loaded again, to the largest
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Source:
    """One of what is converted."""

    name: str  # for headers: never a path
    digest: str  # of its tensors, by which it is found again when works are withdrawn
    adapter: Adapter
    weight: float
    note: str = ""


def convert(
    workspace: Workspace,
    sources: Sequence[str],
    to: Path,
    form: str,
    *,
    base: Path | None = None,
    rank: int | None = None,
    extract: Path | None = None,
) -> Converted:
    """Styles of this workspace and low-rank files of other tools, each `NAME` or `NAME=WEIGHT`; or the difference that
    the checkpoint `extract` has from the base. Raises UsageMistake, or GateClosed where a permission is missing."""
    from handstyle.diffusion import factoring

    chosen = _checked(sources, to, form, extract, rank)
    family = load_base(base)
    require_known_base(workspace, family)
    left_out = 0.0
    if extract is not None:
        found, left_out = _extracted(workspace, extract, family)
    else:
        found = [_source(workspace, source, family) for source in sources]
    whole = factoring.together([(source.adapter, source.weight) for source in found], family.folder)
    notes = tuple(dict.fromkeys(source.note for source in found if source.note))
    with unfinished(to, busy=f"another handstyle process makes {to}") as beside:
        if chosen in ("checkpoint", "folder"):
            made = _merged(beside, chosen, whole, family, found)
            notes = (*notes, *made.pop("notes"))
        else:
            pairs = factoring.as_pairs(whole, family.folder, rank)
            made = _low_rank(beside, chosen, pairs.pairs, family, found)
            made["missed"] = (pairs.missed**2 + left_out**2) ** 0.5
    return Converted(file=str(to / made.pop("name")), form=chosen, layers=len(whole), notes=notes, **made)


def _checked(sources: Sequence[str], to: Path, form: str, extract: Path | None, rank: int | None) -> Form:
    if form not in FORMS:
        raise UsageMistake(f"there is no format `{form}`", hint=f"Choose one of: {', '.join(FORMS)}.")
    if bool(sources) == (extract is not None):
        raise UsageMistake(
            "name either styles or, with --extract, a checkpoint", hint="handstyle convert my-style --as kohya --to out"
        )
    if to.exists():
        raise UsageMistake(f"{to} is there already", hint="Name another folder with --to: nothing is overwritten.")
    if rank is not None and form in ("checkpoint", "folder"):
        raise UsageMistake("a whole model has no rank", hint="Leave --rank out.")
    if extract is not None and form in ("checkpoint", "folder"):
        raise UsageMistake("what is extracted is a low-rank style", hint="Choose --as kohya or --as diffusers.")
    return next(known for known in FORMS if known == form)


def _source(workspace: Workspace, text: str, family: ModelFamily) -> _Source:
    """A style with its permissions, which are asked; or a file, of which nobody knows any."""
    from handstyle.diffusion import adapters
    from handstyle.diffusion.adapter_names import is_of_a_word
    from handstyle.diffusion.checkpoints import read_tensors
    from handstyle.finetuning.trained_style import WEIGHTS, TrainedStyle
    from handstyle.generation.request import parse_style
    from handstyle.generation.wardrobe import style_folder

    name, weight = parse_style(text)
    path = Path(name)
    if path.is_file():
        require_unknown_to_be_welcome(workspace, name)
        require_own_styles_in(workspace, digests.of_tensor_file(path), metadata_of(path).get(MERGED_FROM, ""), family)
        adapter = adapters.read(path, family.folder)
        return _Source("", digests.of_tensor_file(path), adapter, weight, UNKNOWN)
    folder = style_folder(workspace, name)
    style = TrainedStyle.open(folder)
    require_generating(workspace, style, family)
    tensors, _ = read_tensors(folder / WEIGHTS)
    layers = {name: tensor for name, tensor in tensors.items() if not is_of_a_word(name)}
    if not layers:
        raise UsageMistake(
            f"{style.name} is a new word and changes no weights, so there is nothing to convert",
            hint="Its release has the vectors as other tools read them, in learned_embeds.safetensors.",
        )
    if style.recipe.tlora:
        raise UsageMistake(
            f"{style.name} counts its ranks by the noise (tlora), which no other format can say",
            hint="Finetune without tlora what other tools are to read.",
        )
    word = style.recipe.identifier
    note = f"The word `{word}` is no part of it: put learned_embeds.safetensors of its release beside it."
    adapter = _of_style(layers, style.recipe, family)
    note = note if len(layers) < len(tensors) else ""
    if style.ends_in_noise:
        note += " It was trained with rescale_betas_zero_snr, and what draws with the new file must be told so."
    return _Source(style.name, style.tensors, adapter, weight, note.strip())


def _of_style(tensors: Mapping[str, Any], recipe: Recipe, family: ModelFamily) -> Adapter:
    from handstyle.diffusion import updates
    from handstyle.diffusion.pairs import Pair
    from handstyle.publication import dialects

    if recipe.method == "full":
        changes = {}
        for part, network in family.networks.items():
            for name, parameter in network.named_parameters():
                trained = tensors.get(f"{part}.{name}")
                if trained is not None and bool((trained != parameter).any()):
                    changes[dialects.with_text_model(f"{part}.{name}")] = trained.double() - parameter.detach().double()
        return {name.removesuffix(".weight"): delta for name, delta in changes.items()}
    found: Adapter = {}
    for module, group in updates.by_module(tensors).items():
        if recipe.algo == "lora":
            found[dialects.with_text_model(module)] = Pair(group[dialects.DOWN], group[dialects.UP], recipe.lora_alpha)
        else:
            part, _, inside = module.partition(".")
            weight = family.networks[part].get_parameter(f"{inside}.weight").detach()
            delta = updates.added_to(weight, group, recipe.algo, recipe.lora_alpha)
            found[dialects.with_text_model(module)] = delta
    return found


def _extracted(workspace: Workspace, tuned: Path, family: ModelFamily) -> tuple[list[_Source], float]:
    from handstyle.diffusion import factoring, sources

    require_unknown_to_be_welcome(workspace, str(tuned))
    found, left_out = factoring.difference(family.folder, sources.folder_of(tuned))
    return [_Source("extracted", "", found, 1.0, UNKNOWN)], left_out


def _merged_from(sources: Sequence[_Source]) -> list[str]:
    """What ModelSpec calls it, by name where there is one and always by digest where it is known."""
    known = [(source.name, f"sha256:{source.digest[:16]}" if source.digest else "") for source in sources]
    return [" ".join(filter(None, names)) for names in known]


def _low_rank(
    folder: Path, form: Form, pairs: dict[str, Pair], family: ModelFamily, sources: Sequence[_Source]
) -> dict[str, Any]:
    from handstyle.diffusion.adapter_places import layers_of
    from handstyle.publication import exports, low_rank_files, reloads

    rank, merged_from = max(pair.rank for pair in pairs.values()), ", ".join(_merged_from(sources))
    if form == "diffusers":
        name, kind = exports.DIFFUSERS_LORA, "diffusers-lora"
        low_rank_files.write_diffusers(folder / name, pairs, merged_from)
    else:
        name, kind = f"{folder_name(folder)}.safetensors", "kohya-lora"
        title = folder_name(folder)
        low_rank_files.write_kohya(folder / name, pairs, family.folder, title, family.card.name, merged_from)
    shapes = layers_of(family.folder)
    deltas = {f"{layer}.weight": pair.delta(shapes[layer]) for layer, pair in pairs.items()}
    denoiser = next(iter(family.networks))
    parts = list(dict.fromkeys([denoiser, *(layer.partition(".")[0] for layer in pairs)]))
    exported: Any = {folder / name: kind}
    (difference,) = reloads.compared(family.folder, parts, reloads.added(deltas), exported, 2 * len(pairs))
    return {"name": name, "largest_rank": rank, "largest_difference": difference}


def folder_name(folder: Path) -> str:
    """What the finished folder will be called: it is being made under `.NAME.…`."""
    return folder.name.removeprefix(".").partition(".")[0]


def _merged(
    folder: Path, form: Form, changes: Adapter, family: ModelFamily, sources: Sequence[_Source]
) -> dict[str, Any]:
    from handstyle.diffusion import merging
    from handstyle.diffusion.pipeline_folder import weights_of
    from handstyle.publication import exports, reloaded_checkpoints, reloads

    architecture, _, prediction = exports.architecture_of(family.folder)
    told = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": architecture,
        "modelspec.implementation": "https://github.com/huggingface/diffusers",
        "modelspec.title": folder_name(folder),
        "modelspec.resolution": f"{family.resolution}x{family.resolution}",
        "modelspec.date": date.today().isoformat(),
        **({"modelspec.prediction_type": prediction} if prediction else {}),
        "modelspec.merged_from": ", ".join([family.card.name or family.kind, *_merged_from(sources)]),
    }
    deltas, notes = merging.deltas(changes, family.folder), []
    if form == "checkpoint":
        name = f"{folder_name(folder)}.safetensors"
        merging.write_checkpoint(folder / name, family.folder, deltas, told)
        exported: Any = {folder / name: "checkpoint"}
        if why := reloaded_checkpoints.why_not_diffusers(family.folder, folder / name):
            notes.append(f"It was read again by handstyle itself: {why}.")
    else:
        name = ""
        merging.write_folder(folder, family.folder, deltas, told)
        exported = {
            weights_of(folder, part): exports.FULL_DENOISER.get(part, exports.FULL_TEXT_ENCODER)
            for part in family.networks
        }
    expected = reloads.added(deltas, merging.precisions(family.folder))
    found = reloads.compared(family.folder, list(family.networks), expected, exported, 0)
    return {"name": name, "largest_rank": 0, "missed": 0.0, "largest_difference": max(found), "notes": notes}
