"""How does a stranger draw with the files of a release?"""

from __future__ import annotations

import json
from collections.abc import Sequence

from handstyle.diffusion import kinds
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication.provenance import Weights


def code(style: TrainedStyle, weights: Sequence[Weights], base: str, prompt: str) -> str:
    """A page of Python for diffusers; `base` is its name on the Hub, or stands for a folder."""
    if style.recipe.algo == "textual-inversion":
        lines = [
            "from diffusers import DiffusionPipeline",
            "",
            f'pipeline = DiffusionPipeline.from_pretrained("{base}")',
        ]
    elif style.recipe.method == "full":
        lines = _of_whole_networks(style, weights, base)
    elif any(file.format == "peft" for file in weights):
        lines = _of_peft(base)
    else:
        lines = [
            "from diffusers import DiffusionPipeline",
            "",
            f'pipeline = DiffusionPipeline.from_pretrained("{base}")',
            'pipeline.load_lora_weights("RELEASE/weights", weight_name="pytorch_lora_weights.safetensors")',
        ]
    if style.recipe.teaches_a_word:
        lines += _word(style)
    if style.ends_in_noise:
        lines.insert(0, "from diffusers import DDIMScheduler")
        lines.append('pipeline.scheduler = DDIMScheduler.from_pretrained("RELEASE/weights/scheduler")')
    lines.append(f'pipeline({json.dumps(prompt, ensure_ascii=False)}).images[0].save("picture.png")')
    return "\n".join(lines)


def _word(style: TrainedStyle) -> list[str]:
    word = json.dumps(style.recipe.identifier)
    if len(kinds.named(style.base.family).text_encoders) == 1:
        file = '"RELEASE/weights", weight_name="learned_embeds.safetensors"'
        return [f"pipeline.load_textual_inversion({file}, token={word})"]
    return [
        "from safetensors.torch import load_file",
        "",
        'vectors = load_file("RELEASE/weights/learned_embeds.safetensors")',
        "encoders = pipeline.text_encoder, pipeline.text_encoder_2",
        "tokenizers = pipeline.tokenizer, pipeline.tokenizer_2",
        'for name, encoder, tokenizer in zip(("clip_l", "clip_g"), encoders, tokenizers):',
        f"    pipeline.load_textual_inversion(vectors[name], {word}, tokenizer, encoder)",
        "    # else the end of a text is looked for at the new word",
        '    getattr(encoder, "text_model", encoder).eos_token_id = tokenizer.eos_token_id',
    ]


def elsewhere(style: TrainedStyle, weights: Sequence[Weights]) -> str:
    """Where user interfaces want the file; nothing where there is none for them."""
    files = [file.path for file in weights if file.format in ("kohya-lora", "lycoris")]
    word = ""
    if style.recipe.teaches_a_word:
        called = style.recipe.identifier
        word = (
            "\n\nFor ComfyUI, A1111 and Forge, put `weights/learned_embeds.safetensors` into the folder of embeddings, "
            f"called `{called}.safetensors`: there a word has the name of its file (`embedding:{called}` in ComfyUI)."
        )
    if whole := [file.path for file in weights if file.format == "original-transformer"]:
        return f"\n\nFor ComfyUI, put `weights/{whole[0]}` into the folder of diffusion models: it holds what learned."
    if not files:
        return word
    return word + (
        f"\n\nFor ComfyUI and A1111, put `weights/{files[0]}` into the folder of LoRAs. They recognise a base model by "
        "the shapes of its networks: a base smaller than Stable Diffusion may load in diffusers only."
    )


def _of_whole_networks(style: TrainedStyle, weights: Sequence[Weights], base: str) -> list[str]:
    kind = kinds.named(style.base.family)
    loading = [f"from diffusers import DiffusionPipeline, {kind.denoiser}", ""]
    parts = [f'{kind.part}={kind.denoiser}.from_pretrained("RELEASE/weights/{kind.part}")']
    learnt = [file.path.partition("/")[0] for file in weights if file.format == "transformers-text-encoder"]
    if texts := {part: kind.text_encoders.get(part, kinds.CLIP) for part in learnt}:
        loading.insert(1, f"from transformers import {', '.join(sorted(set(texts.values())))}")
        parts += [f'{part}={name}.from_pretrained("RELEASE/weights/{part}")' for part, name in texts.items()]
    return [*loading, f'pipeline = DiffusionPipeline.from_pretrained("{base}", {", ".join(parts)})']


def _of_peft(base: str) -> list[str]:
    return [
        "import json",
        "",
        "from diffusers import DiffusionPipeline",
        "from peft import get_peft_config, inject_adapter_in_model, set_peft_model_state_dict",
        "from peft.tuners.tuners_utils import BaseTunerLayer",
        "from safetensors import safe_open",
        "",
        f'pipeline = DiffusionPipeline.from_pretrained("{base}")',
        'with safe_open("RELEASE/weights/peft_weights.safetensors", "pt") as file:',
        '    configs = json.loads(file.metadata()["peft_config"])',
        "    tensors = {name.replace('.text_model.', '.'): file.get_tensor(name) for name in file.keys()}",
        "for part, config in configs.items():",
        "    network, own = getattr(pipeline, part), {}",
        "    for name, tensor in tensors.items():",
        '        if name.startswith(f"{part}."):',
        '            own[name.removeprefix(f"{part}.")] = tensor',
        "    inject_adapter_in_model(get_peft_config(config), network)",
        "    set_peft_model_state_dict(network, own)",
        "    for layer in network.modules():",
        "        if isinstance(layer, BaseTunerLayer):",
        "            layer.merge()",
    ]
