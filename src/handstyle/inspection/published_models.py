"""How are CSD and SSCD read from a file with the names they were published under?

CSD (Somepalli et al. 2024, "Measuring Style Similarity in Diffusion Models"; github.com/learn2phoenix/CSD,
CSD/model.py) is CLIP's picture encoder under OpenAI's names, with a head of its own for style. SSCD (Pizzi et al. 2022,
"A Self-Supervised Descriptor for Image Copy Detection"; github.com/facebookresearch/sscd-copy-detection, sscd/models)
is a ResNet under torchvision's names, pooled by a generalised mean. Both were published as pickles, which are not read
here; docs/inspect.md says how to make a safetensors file of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from torch import Tensor, nn

from handstyle.diffusion.checkpoints import read_tensors
from handstyle.errors import BaseUnusable

HEAD_WIDTH = 64  # of each of CLIP's attention heads
POWER, LEAST = 3.0, 1e-6  # of the generalised mean
BLOCK = r"backbone\.transformer\.resblocks\.(\d+)\."
STAGE = r"backbone\.layer(\d+)\.(\d+)\."

# Renamed, in this order.
OF_CSD = (
    (r"backbone\.(class_embedding)", r"vision_model.embeddings.\1"),
    (r"backbone\.conv1\.", "vision_model.embeddings.patch_embedding."),
    (r"backbone\.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
    (r"backbone\.ln_pre\.", "vision_model.pre_layrnorm."),
    (r"backbone\.ln_post\.", "vision_model.post_layernorm."),
    (BLOCK + r"attn\.out_proj\.", r"vision_model.encoder.layers.\1.self_attn.out_proj."),
    (BLOCK + r"ln_([12])\.", r"vision_model.encoder.layers.\1.layer_norm\2."),
    (BLOCK + r"mlp\.c_fc\.", r"vision_model.encoder.layers.\1.mlp.fc1."),
    (BLOCK + r"mlp\.c_proj\.", r"vision_model.encoder.layers.\1.mlp.fc2."),
)
OF_SSCD = (
    (r"backbone\.conv1\.", "embedder.embedder.convolution."),
    (r"backbone\.bn1\.", "embedder.embedder.normalization."),
    (STAGE + r"downsample\.0\.", r"encoder.stages.\1.layers.\2.shortcut.convolution."),
    (STAGE + r"downsample\.1\.", r"encoder.stages.\1.layers.\2.shortcut.normalization."),
    (STAGE + r"conv(\d)\.", r"encoder.stages.\1.layers.\2.layer.\3.convolution."),
    (STAGE + r"bn(\d)\.", r"encoder.stages.\1.layers.\2.layer.\3.normalization."),
)


@dataclass(frozen=True)
class Published:
    """A network that answers as one of transformers does, and how a picture is prepared for it."""

    network: Any
    side: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def published(file: Path) -> Published:
    """Raises BaseUnusable for a file that is neither, or that lacks a part."""
    tensors = {
        name.removeprefix("module."): value.float() for name, value in read_tensors(file, BaseUnusable)[0].items()
    }
    try:
        if "last_layer_style" in tensors:
            return _csd(tensors)
        if "backbone.fc.weight" in tensors and "backbone.layer1.0.conv3.weight" in tensors:
            return _sscd(tensors)
    except (KeyError, RuntimeError, ValueError) as error:
        raise BaseUnusable(
            f"{file} lacks a part of what it was published as: {str(error)[:300]}", hint="Convert the file again."
        ) from error
    raise BaseUnusable(
        f"{file} holds neither CSD nor SSCD under the names they were published with",
        hint="Name a folder with a model of the transformers library; docs/inspect.md names the files that are read.",
    )


def _csd(tensors: Mapping[str, Tensor]) -> Published:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    places, width = tensors["backbone.positional_embedding"].shape
    patch = tensors["backbone.conv1.weight"].shape[-1]
    side = patch * round((places - 1) ** 0.5)
    named = {"visual_projection.weight": tensors["last_layer_style"].T.contiguous()}
    for name, value in tensors.items():
        if found := re.fullmatch(BLOCK + r"attn\.in_proj_(weight|bias)", name):
            layer = f"vision_model.encoder.layers.{found[1]}.self_attn"
            parts = zip("qkv", value.chunk(3), strict=True)
            named |= {f"{layer}.{letter}_proj.{found[2]}": part.clone() for letter, part in parts}
        elif not name.startswith("last_layer"):
            named[_renamed(name, OF_CSD)] = value
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=len(tensors["backbone.transformer.resblocks.0.mlp.c_fc.weight"]),
        num_hidden_layers=sum(name.endswith("attn.in_proj_weight") for name in tensors),
        num_attention_heads=max(1, width // HEAD_WIDTH),
        image_size=side,
        patch_size=patch,
        projection_dim=tensors["last_layer_style"].shape[1],
        hidden_act="quick_gelu",
        layer_norm_eps=1e-5,
    )
    network = _filled(CLIPVisionModelWithProjection(config), named)
    mean, deviation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    return Published(network, side, mean, deviation)


class _Described(nn.Module):
    """The published descriptor: generalised mean over places, then a projection."""

    def __init__(self, trunk: nn.Module, projection: nn.Linear) -> None:
        super().__init__()
        self.trunk, self.projection = trunk, projection

    def forward(self, pixel_values: Tensor) -> SimpleNamespace:
        features = self.trunk(pixel_values=pixel_values).last_hidden_state.flatten(2)
        pooled = features.clamp(min=LEAST).pow(POWER).mean(dim=2).pow(1 / POWER)
        return SimpleNamespace(image_embeds=self.projection(pooled))


def _sscd(tensors: Mapping[str, Tensor]) -> Published:
    from transformers import ResNetConfig, ResNetModel

    shapes = {name: value.shape for name, value in tensors.items()}
    places = [tuple(map(int, found.groups())) for name in shapes if (found := re.match(STAGE + r"conv1\.", name))]
    stages = range(1, max(stage for stage, _ in places) + 1)
    if shapes["backbone.layer1.0.conv2.weight"][0] != shapes["backbone.layer1.0.conv2.weight"][1]:
        raise ValueError("a ResNeXt, whose convolutions are in groups, is not read")
    config = ResNetConfig(
        embedding_size=shapes["backbone.conv1.weight"][0],
        hidden_sizes=[shapes[f"backbone.layer{stage}.0.conv3.weight"][0] for stage in stages],
        depths=[sum(at == stage for at, _ in places) for stage in stages],
        layer_type="bottleneck",
    )
    named = {
        _counted(_renamed(name, OF_SSCD)): value
        for name, value in tensors.items()
        if not name.startswith("backbone.fc.") and not name.endswith("num_batches_tracked")
    }
    wide, deep = shapes["backbone.fc.weight"]
    head = nn.Linear(deep, wide)
    head.load_state_dict({part: tensors[f"backbone.fc.{part}"] for part in ("weight", "bias")})
    network = _Described(_filled(ResNetModel(config), named), head).eval().requires_grad_(False)
    return Published(network, 320, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, instead in rules:
        if re.match(pattern, name):
            return re.sub(pattern, instead, name, count=1)
    raise KeyError(f"a tensor {name} that does not belong there")


def _counted(name: str) -> str:
    """torchvision counts stages and the convolutions of a layer from one."""
    name = re.sub(r"(?<=stages\.)\d+", lambda found: str(int(found[0]) - 1), name)
    return re.sub(r"(?<=\.layer\.)\d+", lambda found: str(int(found[0]) - 1), name)


def _filled(network: Any, named: Mapping[str, Tensor]) -> Any:
    wanted = {name: value.shape for name, value in network.state_dict().items() if "num_batches" not in name}
    if lacking := sorted(wanted.keys() ^ named.keys()):
        raise KeyError(f"{len(lacking)} tensors lack or are too many, first {lacking[0]}")
    network.load_state_dict(dict(named), strict=False)  # raises where a shape differs
    return network.eval().requires_grad_(False)
