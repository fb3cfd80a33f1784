"""Does one file do for a base, and is it only read?"""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from handstyle.diffusion import catalogue, single_file, sources
from handstyle.diffusion.original_layout import file_of_parts
from handstyle.diffusion.pipeline_folder import weights_of
from handstyle.diffusion.single_file import FIRST_IN, configs_in, what_it_is, write_words
from handstyle.errors import BaseUnusable, HandstyleError, UsageMistake
from handstyle.tensor_files import Tensor, tensors_in, write_tensors


def written_as_one_file(base: Path, path: Path, **metadata: str) -> Path:
    parts = {}
    for part in configs_in(base):
        with tensors_in(weights_of(base, part)) as tensors:
            parts[part] = {name: tensor._replace(data=bytes(tensor.data)) for name, tensor in tensors.items()}
    return write_tensors(path, file_of_parts(parts, configs_in(base)), metadata)


@pytest.fixture(params=["tiny_base", "xl_base"])
def base(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def checkpoint(base: Path, tmp_path: Path) -> Path:
    return written_as_one_file(base, tmp_path / "my-model.safetensors")


def test_a_file_and_the_folder_it_came_from_draw_alike(base: Path, checkpoint: Path) -> None:
    checkpoint.chmod(stat.S_IRUSR)
    before = checkpoint.read_bytes()
    folder = sources.folder_of(checkpoint, configuration=str(base))
    ours, theirs = catalogue.load(checkpoint), catalogue.load(base)
    assert ours.folder == folder and ours.card.name == "my-model"
    latents, t = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([300])
    with torch.no_grad():
        text = ours.encode_texts(["a boat"])
        assert torch.equal(text, theirs.encode_texts(["a boat"]))
        assert torch.equal(ours.predict(latents, t, text), theirs.predict(latents, t, text))
        assert torch.equal(ours.decode_latents(latents), theirs.decode_latents(latents))
    ours.restore()
    assert checkpoint.read_bytes() == before, "the file is only read"


def test_it_is_read_once_and_found_again(base: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = single_file.folder_of(checkpoint, str(base))
    monkeypatch.setattr(single_file, "_write", lambda *given: pytest.fail("it is read again"))
    renamed = checkpoint.rename(checkpoint.with_name("other.safetensors"))
    assert single_file.folder_of(renamed) == folder == single_file.folder_of(renamed, str(base))


def test_a_changed_file_is_another_base(base: Path, checkpoint: Path) -> None:
    first = single_file.folder_of(checkpoint, str(base))
    tensors = load_file(checkpoint)
    save_file({**tensors, FIRST_IN: tensors[FIRST_IN] + 1}, checkpoint)
    with pytest.raises(UsageMistake, match="width"):
        single_file.folder_of(checkpoint)
    assert single_file.folder_of(checkpoint, str(base)) != first


def of_shape(channels: int, width: int) -> dict[str, Tensor]:
    attention = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
    return {FIRST_IN: Tensor("F32", (320, channels, 3, 3), b""), attention: Tensor("F32", (320, width), b"")}


@pytest.mark.parametrize(("width", "name"), [(768, "stable-diffusion-1"), (2048, "stable-diffusion-xl")])
def test_a_true_checkpoint_is_known_by_its_shapes(tmp_path: Path, width: int, name: str) -> None:
    assert what_it_is(tmp_path / "x", of_shape(4, width)) == name


@pytest.mark.parametrize(("said", "name"), [("epsilon", "stable-diffusion-2"), ("v", "stable-diffusion-2-v")])
def test_what_2_predicts_is_taken_from_its_metadata(tmp_path: Path, said: str, name: str) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors", {"modelspec.prediction_type": said})
    assert what_it_is(tmp_path / "x.safetensors", of_shape(4, 1024)) == name


def test_what_2_predicts_is_asked_where_nothing_says_it(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(UsageMistake, match="the noise or v") as asked:
        what_it_is(tmp_path / "x.safetensors", of_shape(4, 1024))
    assert "--config stable-diffusion-2" in str(asked.value.hint)


def test_a_checkpoint_for_inpainting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaseUnusable, match="9 channels"):
        what_it_is(tmp_path / "x", of_shape(9, 768))


def test_a_low_rank_file_is_no_base(tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    save_file({"lora_unet_x.lora_down.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(BaseUnusable, match="handstyle convert"):
        sources.folder_of(path)


@pytest.mark.parametrize("name", ["model.ckpt", "model.pt", "MODEL.CKPT"])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_pickle_is_refused_unread(tmp_path: Path, name: str, is_there: bool) -> None:
    if is_there:
        (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(BaseUnusable, match="pickle") as refused:
        catalogue.load(tmp_path / name)
    assert ".safetensors" in str(refused.value.hint) and "docs/checkpoints.md" in str(refused.value.hint)


def test_sdxl_that_predicts_v_says_so_with_an_empty_tensor(xl_base: Path, tmp_path: Path) -> None:
    path = written_as_one_file(xl_base, tmp_path / "v.safetensors")
    save_file({**load_file(path), "v_pred": torch.tensor([]), "ztsnr": torch.tensor([])}, path)
    family = catalogue.load(single_file.folder_of(path, str(xl_base)))
    assert family.noise.prediction == "v_prediction" and family.noise.signal_T[-1] == 0
    assert catalogue.load(xl_base).noise.prediction == "epsilon"


def test_clips_own_words_become_the_numbers_everybody_knows(tmp_path: Path) -> None:
    """ "a photo of a cat" as in the examples of OpenAI's CLIP; 49406 begins and 49407 ends a text."""
    from transformers import CLIPTokenizer

    shutil.copytree(single_file.SHIPPED / "stable-diffusion-xl" / "tokenizer_2", tmp_path / "words")
    write_words(tmp_path / "words")
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path / "words", local_files_only=True)
    assert len(tokenizer) == 49408
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert tokenizer("Zoë, à la CARTE!").input_ids == tokenizer("zoë , à la carte !").input_ids
    assert tokenizer("a", padding="max_length").input_ids[3:] == [0] * 74, "SDXL's second tokenizer fills up with !"


# The cache of the Hugging Face Hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_base: Path) -> Path:
    """A cache that holds one model, as `huggingface_hub` lays it out."""
    import huggingface_hub

    model = tmp_path / "hub" / "models--somebody--tiny"
    shutil.copytree(tiny_base, model / "snapshots" / "0123456789abcdef0123456789abcdef01234567")
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("0123456789abcdef0123456789abcdef01234567")
    for module in (huggingface_hub.constants, huggingface_hub._snapshot_download.constants):
        monkeypatch.setattr(module, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_name_is_found_in_the_cache_of_the_hub(hub: Path, tiny_base: Path) -> None:
    assert catalogue.load(Path("somebody/tiny")).digest == catalogue.load(tiny_base).digest


def test_nothing_is_downloaded_unless_it_is_asked_for(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    with pytest.raises(BaseUnusable, match="Hugging Face cache") as missing:
        sources.folder_of("somebody/else")
    assert "--allow-download" in str(missing.value.hint)
    asked: list[dict[str, Any]] = []

    def download(name: str, **given: Any) -> str:
        asked.append({"name": name, **given})
        if "*.fp16.*" not in given["ignore_patterns"]:  # the model of this test has no other weights
            (hub / "unet").mkdir()
            (hub / "unet" / "diffusion_pytorch_model.fp16.safetensors").touch()
        return str(hub)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert sources.folder_of("somebody/else", allow_download=True) == hub
    assert len(asked) == 2, "half precision is fetched where there is nothing else"
    for given in asked:
        assert given["name"] == "somebody/else" and given["local_files_only"] is False
        assert not any(pattern.endswith((".bin", ".ckpt", "*")) for pattern in given["allow_patterns"])


def test_a_failed_download_is_told(hub: Path) -> None:
    with pytest.raises(HandstyleError, match="could not be downloaded"):  # the tests have no network
        sources.folder_of("somebody/else", allow_download=True)


def test_configurations_that_are_shipped_are_whole() -> None:
    for name in single_file.SHIPPED_NAMES:
        folder = single_file.SHIPPED / name
        index = json.loads((folder / "model_index.json").read_text())
        assert catalogue.pipeline_class(folder) == index["_class_name"]
        for part in (key for key, value in index.items() if isinstance(value, list) and value[0]):
            assert any((folder / part).glob("*config.json")), part
