"""Do CSD and SSCD answer as they were published, from a file with their own names? Held against plain torch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.inspection.test_vision_models import pictures
from torch import Tensor, nn

from handstyle.errors import BaseUnusable
from handstyle.inspection.published_models import published
from handstyle.inspection.vision_models import VisionModel


class Block(nn.Module):
    """As in OpenAI's clip/model.py: attention and a feed-forward net with x * sigmoid(1.702 x), normed before."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, width // 64)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 2 * width), "c_proj": nn.Linear(2 * width, width)})

    def forward(self, x_TBD: Tensor) -> Tensor:
        normed = self.ln_1(x_TBD)
        x_TBD = x_TBD + self.attn(normed, normed, normed, need_weights=False)[0]
        wide = self.mlp["c_fc"](self.ln_2(x_TBD))
        return x_TBD + self.mlp["c_proj"](wide * torch.sigmoid(1.702 * wide))


class Encoder(nn.Module):
    def __init__(self, width: int, patch: int, places: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn(places + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = nn.ModuleDict({"resblocks": nn.ModuleList([Block(width) for _ in range(2)])})

    def forward(self, pixels: Tensor) -> Tensor:
        patches_BTD = self.conv1(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(pixels), 1, -1)
        x_TBD = self.ln_pre(torch.cat([first, patches_BTD], dim=1) + self.positional_embedding).transpose(0, 1)
        for block in self.transformer["resblocks"]:
            x_TBD = block(x_TBD)
        return self.ln_post(x_TBD[0])


class Csd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = Encoder(128, 8, 16)
        self.last_layer_style = nn.Parameter(torch.randn(128, 24))
        self.last_layer_content = nn.Parameter(torch.randn(128, 24))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.backbone(pixels) @ self.last_layer_style


class Bottleneck(nn.Module):
    """As in torchvision's ResNet: the middle convolution is the one that strides."""

    def __init__(self, of: int, wide: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(of, wide // 4, 1, bias=False), nn.BatchNorm2d(wide // 4)
        self.conv2, self.bn2 = nn.Conv2d(wide // 4, wide // 4, 3, stride, 1, bias=False), nn.BatchNorm2d(wide // 4)
        self.conv3, self.bn3 = nn.Conv2d(wide // 4, wide, 1, bias=False), nn.BatchNorm2d(wide)
        if of != wide or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(of, wide, 1, stride, bias=False), nn.BatchNorm2d(wide))

    def forward(self, x: Tensor) -> Tensor:
        beside = self.downsample(x) if hasattr(self, "downsample") else x
        x = self.bn1(self.conv1(x)).relu()
        x = self.bn2(self.conv2(x)).relu()
        return (self.bn3(self.conv3(x)) + beside).relu()


class Trunk(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8)
        self.layer1 = nn.Sequential(Bottleneck(8, 16, 1), Bottleneck(16, 16, 1))
        self.layer2 = nn.Sequential(Bottleneck(16, 32, 2))
        self.fc = nn.Linear(32, 12)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        x = self.layer2(self.layer1(x)).clamp(min=1e-6)
        return self.fc((x**3).mean(dim=(2, 3)) ** (1 / 3))


class Sscd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = Trunk()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.backbone(pixels)


def made(kind: type[nn.Module]) -> nn.Module:
    """No norm is at its beginning, and none of its statistics."""
    torch.manual_seed(3)
    network = kind()
    for name, value in network.state_dict().items():
        if value.is_floating_point() and value.ndim == 1:
            value.copy_(torch.rand_like(value) + (0.5 if name.endswith(("weight", "var")) else 0.0))
    return network.eval()


def saved(network: nn.Module, file: Path, prefix: str = "") -> Path:
    save_file({prefix + name: value.clone().contiguous() for name, value in network.state_dict().items()}, file)
    return file


@pytest.mark.parametrize("kind", [Csd, Sscd])
@pytest.mark.parametrize("prefix", ["", "module."])
@torch.no_grad()
def test_each_says_what_the_published_build_says(kind: type[nn.Module], prefix: str, tmp_path: Path) -> None:
    network = made(kind)
    found = published(saved(network, tmp_path / "it.safetensors", prefix))
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(found.network(pixel_values=pixels).image_embeds, network(pixels), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [Csd, Sscd])
def test_a_file_looks_at_pictures_as_a_folder_does(kind: type[nn.Module], tmp_path: Path) -> None:
    model = VisionModel(saved(made(kind), tmp_path / "it.safetensors"))
    seen = model.seen(pictures())
    assert model.name == "it.safetensors" and model.side == {Csd: 32, Sscd: 320}[kind]
    torch.testing.assert_close(seen.norm(dim=1), torch.ones(3))
    assert (seen[0] - seen[1]).abs().max() > 1e-4


def test_a_file_that_is_neither_or_lacks_a_part_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "it.safetensors"
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(BaseUnusable, match="neither CSD nor SSCD"):
        published(file)
    for kind, gone in ((Csd, "backbone.ln_post.weight"), (Sscd, "backbone.layer2.0.bn2.running_var")):
        tensors = {name: value.clone().contiguous() for name, value in made(kind).state_dict().items()}
        del tensors[gone]
        save_file(tensors, file)
        with pytest.raises(BaseUnusable, match="lacks a part"):
            published(file)
    (tmp_path / "it.pt").write_bytes(b"\x80\x04N.")
    with pytest.raises(BaseUnusable):
        published(tmp_path / "it.pt")


def test_a_resnext_is_refused_in_words(tmp_path: Path) -> None:
    network = made(Sscd)
    network.backbone.layer1[0].conv2 = nn.Conv2d(4, 4, 3, 1, 1, groups=2, bias=False)
    with pytest.raises(BaseUnusable, match="in groups"):
        published(saved(network, tmp_path / "it.safetensors"))
