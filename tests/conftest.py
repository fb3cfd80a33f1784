"""What must no test do, and what may each one count on?

No test reaches the network or this person's own folders; a test marked `browser` gets a Chromium or is left out.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

# Read when the libraries are imported, so they stand here and not in a fixture.
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false")
# The models of the tests are so small that a second thread would only wait for the first.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

# Workers of pytest-xdist have a core each: threads of two on the same cores would wait for each other all the time.
if (WORKER := os.environ.get("PYTEST_XDIST_WORKER", "")) and hasattr(os, "sched_setaffinity"):
    CORES = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {CORES[int(WORKER.removeprefix("gw")) % len(CORES)]})

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])), None)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def connect_here_only(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"a test tried to reach {address[0]}: handstyle works without a network, and so do its tests")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here_only)


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keys, caches and settings of the person who runs the tests are neither read nor written."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home))
    for name in [name for name in os.environ if name.startswith("HANDSTYLE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser, for tests marked `browser`. Where all must run, its absence is a failure."""
    if CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium here: sudo apt-get install chromium")
    return Path(CHROMIUM)


@pytest.fixture
def disk_full_at() -> Callable[[str], AbstractContextManager[None]]:
    """Meanwhile, of files whose names begin so, only the first hundred bytes can be written."""

    @contextmanager
    def full_at(beginning: str) -> Iterator[None]:
        opened = Path.open

        def full(path: Path, *given: Any, **named: Any) -> Any:
            file = opened(path, *given, **named)
            if not path.name.startswith(beginning) or "w" not in "".join(map(str, given)):
                return file

            class Full(type(file)):  # type: ignore[misc]
                def write(self, data: bytes) -> int:
                    super().write(data[:100])
                    raise OSError(errno.ENOSPC, "No space left on device")

            file.close()
            return Full(io.FileIO(path, "w"))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "open", full)
            yield

    return full_at


def words_of_the_embedded_base() -> dict[str, int]:
    """The tiny bases read with its tokenizer."""
    from transformers import CLIPTokenizer

    from handstyle.diffusion.catalogue import EMBEDDED

    tokenizer = CLIPTokenizer.from_pretrained(EMBEDDED / "tokenizer", local_files_only=True)
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def save_tiny_base(folder: Path, scheduler: Any = None, seed: int = 0) -> Path:
    """A base of the real classes, small enough to learn in a second: random weights, pictures of 16 x 16 pixels."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    from handstyle.diffusion.catalogue import EMBEDDED

    torch.manual_seed(seed)
    StableDiffusionPipeline(
        unet=UNet2DConditionModel(
            sample_size=8,
            layers_per_block=1,
            block_out_channels=(32, 64),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=32,
            norm_num_groups=8,
        ),
        vae=AutoencoderKL(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=16,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                **words_of_the_embedded_base(),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=32,
            )
        ),
        tokenizer=CLIPTokenizer.from_pretrained(EMBEDDED / "tokenizer", local_files_only=True),
        scheduler=scheduler or DDIMScheduler.from_pretrained(EMBEDDED / "scheduler", local_files_only=True),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def save_tiny_xl(folder: Path, scheduler: Any = None, seed: int = 0) -> Path:
    """The same for Stable Diffusion XL: two text encoders of different widths, pictures of 16 x 16 pixels."""
    import torch
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    from handstyle.diffusion.catalogue import EMBEDDED

    torch.manual_seed(seed)
    words: dict[str, Any] = {
        "num_attention_heads": 4, "max_position_embeddings": 32, **words_of_the_embedded_base(),
    }  # fmt: skip
    one = CLIPTextConfig(hidden_size=24, intermediate_size=48, num_hidden_layers=2, **words)
    two = CLIPTextConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=3, projection_dim=20, hidden_act="gelu", **words
    )
    tokenizer = CLIPTokenizer.from_pretrained(EMBEDDED / "tokenizer", local_files_only=True)
    StableDiffusionXLPipeline(
        unet=UNet2DConditionModel(
            sample_size=8,
            layers_per_block=1,
            block_out_channels=(32, 64),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2),
            attention_head_dim=(4, 8),
            use_linear_projection=True,
            cross_attention_dim=56,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 20,
            norm_num_groups=8,
        ),
        vae=AutoencoderKL(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=16,
            scaling_factor=0.13025,
        ),
        text_encoder=CLIPTextModel(one),
        text_encoder_2=CLIPTextModelWithProjection(two),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        scheduler=scheduler
        or EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            timestep_spacing="leading",
            steps_offset=1,
        ),
    ).save_pretrained(folder)
    return folder


def save_tiny_t5_tokenizer(folder: Path) -> Path:
    """A tokenizer of T5's kind, in the one file that the libraries read without sentencepiece."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz,"]
    pieces += [(f"▁{word}", -4.0) for word in ("red", "boat", "cat", "icon", "flat")]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    ).save_pretrained(folder)
    return folder


def tiny_flow_parts(words_tokenizer: Path) -> dict[str, Any]:
    """What the tiny bases with a transformer have in common."""
    from diffusers import AutoencoderKL
    from transformers import CLIPTextConfig, CLIPTokenizer, PreTrainedTokenizerFast, T5Config, T5EncoderModel

    from handstyle.diffusion.catalogue import EMBEDDED

    words: dict[str, Any] = {
        "num_attention_heads": 4, "max_position_embeddings": 32, "num_hidden_layers": 2, **words_of_the_embedded_base(),
    }  # fmt: skip
    return {
        "clip": CLIPTextConfig(hidden_size=16, intermediate_size=32, projection_dim=12, **words),
        "wide clip": CLIPTextConfig(hidden_size=24, intermediate_size=48, projection_dim=20, **words),
        "t5": T5EncoderModel(T5Config(vocab_size=40, d_model=48, d_kv=8, d_ff=32, num_layers=2, num_heads=4)),
        "tokenizer": CLIPTokenizer.from_pretrained(EMBEDDED / "tokenizer", local_files_only=True),
        "t5 tokenizer": PreTrainedTokenizerFast.from_pretrained(
            save_tiny_t5_tokenizer(words_tokenizer), local_files_only=True
        ),
        "vae": AutoencoderKL(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=16,
            scaling_factor=1.5,
            shift_factor=0.06,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
    }


def save_tiny_sd3(folder: Path, seed: int = 0, *, t5: bool = True, of_35: bool = False) -> Path:
    """The same for Stable Diffusion 3; 3.5 attends twice in its first blocks and normalises queries and keys."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
    from transformers import CLIPTextModelWithProjection

    torch.manual_seed(seed)
    parts = tiny_flow_parts(folder.with_name(f"{folder.name}-words"))
    StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=48,
            caption_projection_dim=32,
            pooled_projection_dim=32,
            out_channels=4,
            pos_embed_max_size=8,
            **({"dual_attention_layers": (0,), "qk_norm": "rms_norm"} if of_35 else {}),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=parts["vae"],
        text_encoder=CLIPTextModelWithProjection(parts["clip"]),
        tokenizer=parts["tokenizer"],
        text_encoder_2=CLIPTextModelWithProjection(parts["wide clip"]),
        tokenizer_2=parts["tokenizer"],
        text_encoder_3=parts["t5"] if t5 else None,
        tokenizer_3=parts["t5 tokenizer"] if t5 else None,
    ).save_pretrained(folder)
    return folder


def save_tiny_flux(folder: Path, seed: int = 0, *, guided: bool = True) -> Path:
    """The same for FLUX.1: `guided` as its version for developers, else as the quick one."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
    from transformers import CLIPTextModel

    torch.manual_seed(seed)
    parts = tiny_flow_parts(folder.with_name(f"{folder.name}-words"))
    FluxPipeline(
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=48,
            pooled_projection_dim=16,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=guided,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(
            shift=3.0, use_dynamic_shifting=True, base_image_seq_len=256, max_image_seq_len=4096
        )
        if guided
        else FlowMatchEulerDiscreteScheduler(shift=1.0),
        vae=parts["vae"],
        text_encoder=CLIPTextModel(parts["clip"]),
        tokenizer=parts["tokenizer"],
        text_encoder_2=parts["t5"],
        tokenizer_2=parts["t5 tokenizer"],
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def save_base(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`save_tiny_base`, each time into a folder of its own."""
    return lambda *given, **named: save_tiny_base(tmp_path_factory.mktemp("base"), *given, **named)


@pytest.fixture(scope="session")
def tiny_base(save_base: Callable[..., Path]) -> Iterator[Path]:
    """It predicts v, down to pure noise, as the embedded base does. Stages that use it keep to one core."""
    from handstyle.diffusion import hardware

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hardware, "use_all_cores", lambda: None)
        yield save_base()


@pytest.fixture(scope="session")
def epsilon_base(save_base: Callable[..., Path]) -> Path:
    """It predicts the noise on the schedule of Stable Diffusion 1.5, which names yet another scheduler."""
    from diffusers import PNDMScheduler

    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    return save_base(PNDMScheduler(**schedule, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1))


@pytest.fixture(scope="session")
def v_base(save_base: Callable[..., Path]) -> Path:
    """It predicts v on the schedule of Stable Diffusion 2, where a trace of the picture is left at the end."""
    from diffusers import DDIMScheduler

    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    return save_base(DDIMScheduler(**schedule, prediction_type="v_prediction", clip_sample=False, steps_offset=1))


@pytest.fixture(scope="session")
def v_family(v_base: Path) -> Any:
    from handstyle.diffusion import catalogue

    return catalogue.load(v_base)


@pytest.fixture(scope="session")
def family(tiny_base: Path) -> Any:
    """The tiny base, loaded once: a test that changes it puts it back."""
    from handstyle.diffusion import catalogue

    return catalogue.load(tiny_base)


@pytest.fixture(scope="session")
def xl_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_xl(tmp_path_factory.mktemp("xl"))


@pytest.fixture(scope="session")
def sd3_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sd3(tmp_path_factory.mktemp("sd3") / "base")


@pytest.fixture(scope="session")
def flux_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_flux(tmp_path_factory.mktemp("flux") / "base")


@pytest.fixture(scope="session")
def xl_family(xl_base: Path) -> Any:
    """The tiny base of Stable Diffusion XL, loaded once: a test that changes it puts it back."""
    from handstyle.diffusion import catalogue

    return catalogue.load(xl_base)


@pytest.fixture(scope="session")
def sd3_family(sd3_base: Path) -> Any:
    from handstyle.diffusion import catalogue

    return catalogue.load(sd3_base)


@pytest.fixture(scope="session")
def flux_family(flux_base: Path) -> Any:
    from handstyle.diffusion import catalogue

    return catalogue.load(flux_base)


@pytest.fixture(scope="session")
def epsilon_family(epsilon_base: Path) -> Any:
    from handstyle.diffusion import catalogue

    return catalogue.load(epsilon_base)


@pytest.fixture
def six_works(tmp_path: Path) -> Path:
    return copy_six_works(tmp_path / "works")


def copy_six_works(folder: Path) -> Path:
    """Six of the example's drawings with their words and their permission."""
    from handstyle.demonstration import EXAMPLE

    example = EXAMPLE / "works"
    folder.mkdir()
    words = (example / "metadata.jsonl").read_text(encoding="utf-8").splitlines()[:6]
    (folder / "metadata.jsonl").write_text("\n".join(words) + "\n", encoding="utf-8")
    for name in [*(json.loads(line)["file_name"] for line in words), "rights.toml"]:
        shutil.copy(example / name, folder)
    for evidence in ("licence-statement.json", "LICENSE-Apache-2.0.txt"):
        shutil.copy(example / evidence, folder)
    return folder
