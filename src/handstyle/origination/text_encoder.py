"""How do words become conditioning?

A BPE of our own, lower-case, in CLIP's format, and a small `CLIPTextModel` that learns to say what a sentence encoder
says: near in meaning, near in numbers, also for words that no work is called by.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from handstyle.diffusion.checkpoints import read_tensors, write_tensors
from handstyle.encoding.batches import generator, positions
from handstyle.errors import BaseUnusable
from handstyle.origination.recipe import TextEncoderRecipe

START, END, ENDING = "<|startoftext|>", "<|endoftext|>", "</w>"


def new_tokenizer(texts: Iterable[str], recipe: TextEncoderRecipe) -> Any:
    """Byte-level BPE (Sennrich et al. 2016) with CLIP's conventions; the last entries are identifiers without a meaning
    of their own."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    split = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    bpe = Tokenizer(models.BPE(end_of_word_suffix=ENDING, continuing_subword_prefix=""))
    bpe.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        end_of_word_suffix=ENDING,
        continuing_subword_prefix="",
        initial_alphabet=letters,
        # Named ahead, or a letter that ends a word has its number from the order of a hash table, and with it what wins
        # where two pairs are as frequent: another tokenizer in every process.
        special_tokens=[letter + ENDING for letter in letters],
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    model = json.loads(bpe.to_str())["model"]
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in model["merges"]]
    vocabulary: dict[str, int] = {}
    for token in [*letters, *(letter + ENDING for letter in letters), *("".join(pair) for pair in merges)]:
        vocabulary.setdefault(token, len(vocabulary))
    for token in (START, END):
        vocabulary[token] = len(vocabulary)
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=recipe.positions, pad_token=END)
    tokenizer.add_tokens([f"<s{number}>" for number in range(1, recipe.identifiers + 1)])
    return tokenizer


def new_text_encoder(tokenizer: Any, recipe: TextEncoderRecipe, seed: int) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    start, end = tokenizer.convert_tokens_to_ids([START, END])
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=recipe.hidden_size,
            intermediate_size=4 * recipe.hidden_size,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            max_position_embeddings=recipe.positions,
            projection_dim=recipe.hidden_size,
            bos_token_id=start,
            eos_token_id=end,
            pad_token_id=end,
        )
    )


class Student(nn.Module):
    """The text encoder with one layer more, up to the teacher's width; that layer is not kept."""

    def __init__(self, clip: Any, width: int) -> None:
        super().__init__()
        self.clip = clip
        self.up = nn.Linear(clip.config.hidden_size, width)

    def forward(self, tokens_BL: Tensor) -> Tensor:
        """B x the teacher's width, of length 1."""
        return nn.functional.normalize(self.up(self.clip(tokens_BL).pooler_output), dim=-1)


@torch.no_grad()
def taught(texts: Sequence[str], teacher: Path, at_once: int = 256) -> Tensor:
    """N x width: what a sentence encoder in `teacher` (a transformers folder) says, mean over tokens, of length 1.

    Raises BaseUnusable.
    """
    from transformers import AutoModel, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(teacher, local_files_only=True)
        network = AutoModel.from_pretrained(teacher, local_files_only=True, use_safetensors=True).eval()
    except Exception as fault:  # on strange folders transformers raises almost anything
        raise BaseUnusable(
            f"{teacher} holds no sentence encoder that transformers can load: {fault}",
            hint="Give the folder of one, with config.json, tokenizer and model.safetensors.",
        ) from fault
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    found: list[Tensor] = [torch.empty(0)] * len(texts)
    for begin in range(0, len(order), at_once):
        chosen = order[begin : begin + at_once]
        tokens = tokenizer([texts[n] for n in chosen], padding=True, truncation=True, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16):
            states_BLD = network(**tokens).last_hidden_state.float()
        mask_BL1 = tokens["attention_mask"][..., None]
        means = nn.functional.normalize((states_BLD * mask_BL1).sum(1) / mask_BL1.sum(1), dim=-1)
        for n, mean in zip(chosen, means, strict=True):
            found[n] = mean
    return torch.stack(found)


def taught_once(texts: Sequence[str], teacher: Path, kept: Path, lineage: str) -> Tensor:
    """The same, asked once and kept in a file, for the texts of this lineage."""
    if kept.is_file():
        tensors, metadata = read_tensors(kept)
        if metadata.get("lineage") == lineage:
            return tensors["taught"]
    found = taught(texts, teacher)
    write_tensors(kept, {"taught": found}, {"lineage": lineage})
    return found


def tokens_of(texts: Sequence[str], tokenizer: Any) -> Tensor:
    tokens: Tensor = tokenizer(
        list(texts), padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    ).input_ids
    return tokens


def distillation_loss(said_BD: Tensor, taught_BD: Tensor, temperature: float) -> Tensor:
    """1 - cosine, and the cross-entropy of finding each text among the batch by what the teacher says of it."""
    similar_BB = said_BD @ taught_BD.T
    own_B = similar_BB.diagonal()
    return (1 - own_B).mean() + nn.functional.cross_entropy(similar_BB / temperature, torch.arange(len(own_B)))


def loss_at(
    student: Student, tokens_NL: Tensor, taught_ND: Tensor, recipe: TextEncoderRecipe, seed: int
) -> Callable[[int], tuple[Tensor, int]]:
    """For `loop.learn`."""

    def loss(step: int) -> tuple[Tensor, int]:
        chosen = positions(step, recipe.train_batch_size, len(tokens_NL), seed, "texts")
        with torch.autocast("cpu", torch.bfloat16):
            said_BD = student(tokens_NL[chosen])
        return distillation_loss(said_BD.float(), taught_ND[chosen], recipe.temperature), len(chosen)

    return loss


@torch.no_grad()
def found_again(student: Student, tokens_NL: Tensor, taught_ND: Tensor) -> tuple[float, float]:
    """On texts it has not learnt: the cosine to the teacher, and the share found among all by it."""
    said = torch.cat([student(tokens_NL[begin : begin + 256]) for begin in range(0, len(tokens_NL), 256)])
    similar = said @ taught_ND.T
    return float(similar.diagonal().mean()), float((similar.argmax(1) == torch.arange(len(said))).float().mean())


def corpus_order(texts: Iterable[str], seed: int) -> list[str]:
    """Each once, in an order that chance decides: the last ones are kept to measure with."""
    listed = sorted(set(texts))
    order = torch.randperm(len(listed), generator=generator(seed, "texts in order", 0))
    return [listed[int(n)] for n in order]
