"""What do kohya's sd-scripts compute? Runs in their own environment: in_sd_scripts.py CHECKOUT FOLDER ANSWERS.

They read LoRA as a network of their own; LyCORIS' kinds and new words are left to other code, and are not asked here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import stand_in
import torch
from safetensors.torch import load_file, save_file

NOT_READ = ("loha", "lokr", "word")


def loaded(checkpoint: str, xl: bool) -> tuple[list[Any], Any]:
    if xl:
        from library import sdxl_model_util

        found = sdxl_model_util.load_models_from_sdxl_checkpoint("sdxl_base_v1-0", checkpoint, "cpu", torch.float32)
        return [found[0].float(), found[1].float()], found[3].float()
    from library import model_util

    text_encoder, _, unet = model_util.load_models_from_stable_diffusion_checkpoint(False, checkpoint)
    return [text_encoder.float()], unet.float()


def encoded(encoders: list[Any], tokens: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor | None]:
    if len(encoders) == 1:
        return encoders[0](tokens[0])[0], None
    from library import train_util

    first = encoders[0](tokens[0], output_hidden_states=True, return_dict=True)["hidden_states"][11]
    second = encoders[1](tokens[1], output_hidden_states=True, return_dict=True)
    end_of_text = int(tokens[1].max())
    summary = train_util.pool_workaround(encoders[1], second["last_hidden_state"], tokens[1], end_of_text)
    return torch.cat([first, second["hidden_states"][-2]], dim=2), summary


def predicted(unet: Any, latents: torch.Tensor, timesteps: torch.Tensor, context: Any, summary: Any, side: int) -> Any:
    if summary is None:
        return unet(latents, timesteps, context).sample
    from library import sdxl_train_util

    sizes, crops = torch.tensor([[side, side]]), torch.tensor([[0, 0]])
    embedded = sdxl_train_util.get_size_embeddings(sizes, crops, sizes, "cpu")
    return unet(latents, timesteps, context, torch.cat([summary, embedded], dim=1))


@torch.no_grad()
def main(checkout: str, folder: Path, answers: Path) -> None:
    sys.path.insert(0, checkout)
    stand_in.where_missing()
    from networks import lora

    asked = json.loads((folder / "cases.json").read_text())
    question = load_file(folder / "question.safetensors")
    timesteps = torch.tensor([asked["timestep"]])
    found: dict[str, torch.Tensor] = {}
    for name, case in asked["cases"].items():
        if case["style"] in NOT_READ:
            continue
        tokens = [question[key] for key in sorted(question) if key.startswith("tokens")]
        encoders, unet = loaded(case["checkpoint"], len(tokens) == 2)
        if "lora" in case:
            network, weights = lora.create_network_from_weights(
                1.0, case["lora"], None, encoders if len(encoders) == 2 else encoders[0], unet, for_inference=True
            )
            network.apply_to(encoders if len(encoders) == 2 else encoders[0], unet)
            print(name, network.load_state_dict(weights, strict=False))
        context, summary = encoded(encoders, tokens)
        answer = predicted(unet, question["latents"], timesteps, context, summary, asked["side"])
        found[f"{name}/conditioning"] = context.contiguous().clone()
        found[f"{name}/prediction"] = answer.contiguous().clone()
        del encoders, unet
    save_file(found, answers)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
