"""What does Forge compute? Runs in its own environment: in_forge.py CHECKOUT FOLDER ANSWERS.

A1111's web interface goes on in it; its own loader is `huggingface_guess` and `backend/`.
"""

from __future__ import annotations

import json
import shutil
import sys
import types
from pathlib import Path

import stand_in
import torch
from safetensors.torch import load_file, save_file


@torch.no_grad()
def main(checkout: str, folder: Path, answers: Path) -> None:
    sys.path[:0] = [checkout, f"{checkout}/packages_3rdparty"]
    sys.argv = ["", "--always-cpu", "--all-in-fp32", "--disable-gpu-warning"]
    stand_in.where_missing()
    from modules import shared

    # What its loader asks of the settings of the web interface, as it is before anybody changes it.
    shared.opts = types.SimpleNamespace(emphasis="Original")
    from backend import memory_management, utils
    from backend.args import dynamic_args
    from backend.loader import forge_loader
    from backend.patcher.lora import load_lora, model_lora_keys_clip, model_lora_keys_unet

    embeddings = folder / "forge-embeddings"
    embeddings.mkdir(exist_ok=True)
    dynamic_args["embedding_dir"] = str(embeddings)
    asked = json.loads((folder / "cases.json").read_text())
    latents = load_file(folder / "question.safetensors")["latents"]
    timesteps = torch.tensor([float(asked["timestep"])])
    found: dict[str, torch.Tensor] = {}
    for name, case in asked["cases"].items():
        words, stem = case["words"], Path(case.get("embedding", "")).stem
        if stem:
            shutil.copy(case["embedding"], embeddings)
            words = words.replace(asked["new_word"], stem)
        engine = forge_loader(case["checkpoint"])
        unet, clip = engine.forge_objects.unet, engine.forge_objects.clip
        if "lora" in case:  # as extensions-builtin/sd_forge_lora/networks.py does it
            weights = utils.load_torch_file(case["lora"], safe_load=True)
            for_unet, weights = load_lora(weights, model_lora_keys_unet(unet.model, {}))
            for_clip, weights = load_lora(weights, model_lora_keys_clip(clip.cond_stage_model, {}))
            unet, clip = unet.clone(), clip.clone()
            unet.add_patches(filename="style", patches=for_unet, strength_patch=1.0, online_mode=False)
            clip.add_patches(filename="style", patches=for_clip, strength_patch=1.0, online_mode=False)
            engine.forge_objects.unet, engine.forge_objects.clip = unet, clip
            print(name, "not read:", list(weights))
        conditioning = engine.get_learned_conditioning([words])
        memory_management.load_model_gpu(unet)
        answer = unet.model.diffusion_model(latents, timesteps, context=conditioning)
        found[f"{name}/conditioning"] = conditioning.float().contiguous().clone()
        found[f"{name}/prediction"] = answer.float().contiguous().clone()
        memory_management.unload_all_models()
        del engine, unet, clip
    save_file(found, answers)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
