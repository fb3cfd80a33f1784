"""What does ComfyUI compute? Runs in its own environment: in_comfyui.py CHECKOUT FOLDER ANSWERS."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import stand_in
import torch
from safetensors.torch import load_file, save_file


def main(checkout: str, folder: Path, answers: Path) -> None:
    sys.path.insert(0, checkout)
    sys.argv = ["", "--cpu", "--force-fp32"]
    stand_in.where_missing()
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.model_management
    import comfy.sd
    import comfy.utils

    asked = json.loads((folder / "cases.json").read_text())
    latents = load_file(folder / "question.safetensors")["latents"]
    timesteps = torch.tensor([float(asked["timestep"])])
    found: dict[str, torch.Tensor] = {}
    for name, case in asked["cases"].items():
        vectors = case.get("embedding", case["lora"] if case["bundled"] else "")  # it reads both kinds of file
        embeddings = str(Path(vectors).parent) if vectors else None
        model, clip, _, _ = comfy.sd.load_checkpoint_guess_config(case["checkpoint"], embedding_directory=embeddings)
        if "lora" in case:
            lora = comfy.utils.load_torch_file(case["lora"], safe_load=True)
            model, clip = comfy.sd.load_lora_for_models(model, clip, lora, 1.0, 1.0)
        words = case["words"]
        if vectors:
            words = words.replace(asked["new_word"], f"embedding:{Path(vectors).stem}")
        with torch.no_grad():
            conditioning = clip.encode_from_tokens(clip.tokenize(words))
            comfy.model_management.load_models_gpu([model])
            predicted = model.model.diffusion_model(latents, timesteps, context=conditioning)
        found[f"{name}/conditioning"] = conditioning.float().contiguous().clone()
        found[f"{name}/prediction"] = predicted.float().contiguous().clone()
        comfy.model_management.unload_all_models()
        del model, clip
    save_file(found, answers)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
