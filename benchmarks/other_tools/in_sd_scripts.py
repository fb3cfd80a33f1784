"""What do kohya's sd-scripts compute? Runs in their own environment: in_sd_scripts.py CHECKOUT FOLDER ANSWERS.

They read LoRA as a network of their own; LyCORIS' kinds and new words are left to other code, and are not asked here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import stand_in
import torch
from safetensors.torch import load_file, save_file

NOT_READ = ("loha", "lokr", "word")


@torch.no_grad()
def main(checkout: str, folder: Path, answers: Path) -> None:
    sys.path.insert(0, checkout)
    stand_in.where_missing()
    from library import model_util
    from networks import lora

    asked = json.loads((folder / "cases.json").read_text())
    question = load_file(folder / "question.safetensors")
    timesteps = torch.tensor([asked["timestep"]])
    found: dict[str, torch.Tensor] = {}
    for name, case in asked["cases"].items():
        if case["style"] in NOT_READ:
            continue
        text_encoder, _, unet = model_util.load_models_from_stable_diffusion_checkpoint(False, case["checkpoint"])
        text_encoder, unet = text_encoder.float(), unet.float()
        if "lora" in case:
            network, weights = lora.create_network_from_weights(
                1.0, case["lora"], None, text_encoder, unet, for_inference=True
            )
            network.apply_to(text_encoder, unet)
            print(name, network.load_state_dict(weights, strict=False))
        conditioning = text_encoder(question["tokens"])[0]
        found[f"{name}/conditioning"] = conditioning.contiguous().clone()
        found[f"{name}/prediction"] = unet(question["latents"], timesteps, conditioning).sample.contiguous().clone()
        del text_encoder, unet
    save_file(found, answers)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
