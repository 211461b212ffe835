"""Make a tiny language model with random weights, and an adapter for it, without any download.

Its answers are nonsense, but everything around them is real: a tokenizer trained on the text of this
repository, a Qwen2 of two layers, a chat template, a LoRA adapter. It likes to come to an end: quotes and
closing brackets are more likely than anything else and white space is less, so that under a grammar its
answers are short and whole, with the adapter as without it, whatever the processor rounds. Used by the tests
of vLLM and of models in this process; needs numpy, tokenizers and safetensors, which both bring:

    python scripts/tiny_model.py FOLDER        →  FOLDER/model, FOLDER/adapter
"""

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = Path(__file__).parents[1]
VOCABULARY = 2_048
CONTEXT = 8_192
END = "<|im_end|>"
SPECIAL = ("<|endoftext|>", "<|im_start|>", END)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WIDE, INNER, LAYERS = 128, 256, 2
ATTENTION = {"q": 128, "k": 64, "v": 64, "o": 128}
"""Rows of each projection: four heads of 32, two for keys and values (the smallest that vLLM runs on a CPU)."""
ADAPTED = ("q", "v")
RANK = 8
LIKED = {'"': 3.5, '"]': 3.0, '"}': 3.0, "]": 1.5, "}": 1.5, "]}": 1.5, "[]": 2.8, ":": 0.5, ",": 0.5}
DISLIKED = -2.0
"""White space between the parts of an object: a grammar of tool calls allows any amount of it."""
SPACES = "\u0120\u010a\u010d\u0109"
"""A space, the two ends of a line and a tab, as a byte-level BPE writes them."""
CONSTANT = 4.0
"""The first number of the residual stream, alike for every word: about a dozen after the last norm, so that it
decides what is likely, and what the layers say comes second."""


def texts() -> Iterator[str]:
    """What the tokenizer learns from: our own source and documentation."""
    for pattern in (
        "domain/*.py",
        "models/*.py",
        "models/clients/*.py",
        "models/routing/*.py",
        "models/wrappers/*.py",
        "nodes/*",
        "docs/*.md",
        "README.md",
    ):
        for path in sorted(ROOT.glob(pattern)):
            if path.suffix in {".py", ".md"}:
                yield path.read_text(encoding="utf-8")
    yield '[] "[] ' * 2_000  # empty lists are one word: where a list may be empty, it likes to be


def tokenizer(folder: Path) -> list[str]:
    """Train a byte-level BPE: any text can be written with it. Returns its tokens."""
    tokenizer_ = Tokenizer(models.BPE())
    tokenizer_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer_.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer_.train_from_iterator(texts(), trainer)
    tokenizer_.save(str(folder / "tokenizer.json"))
    _write(
        folder / "tokenizer_config.json",
        tokenizer_class="PreTrainedTokenizerFast",
        eos_token=END,
        pad_token=SPECIAL[0],
        chat_template=TEMPLATE,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    return [tokenizer_.id_to_token(number) or "" for number in range(tokenizer_.get_vocab_size())]


def weights(folder: Path, words: list[str]) -> None:
    """Write a Qwen2 with random weights, always the same ones."""
    numbers, vocabulary = np.random.default_rng(7), len(words)
    shapes = {f"{name}.weight": (vocabulary, WIDE) for name in ("model.embed_tokens", "lm_head")}
    shapes |= {"model.norm.weight": (WIDE,)}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        shapes |= {f"{at}.self_attn.{name}_proj.weight": (rows, WIDE) for name, rows in ATTENTION.items()}
        shapes |= {f"{at}.self_attn.{name}_proj.bias": (ATTENTION[name],) for name in "qkv"}
        shapes |= {f"{at}.mlp.{name}_proj.weight": (INNER, WIDE) for name in ("gate", "up")}
        shapes |= {f"{at}.mlp.down_proj.weight": (WIDE, INNER)}
        shapes |= {f"{at}.{name}_layernorm.weight": (WIDE,) for name in ("input", "post_attention")}
    tensors = {
        name: np.ones(shape, np.float32) if "norm" in name else numbers.normal(0, 0.05, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    _fond_of_endings(tensors, words)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    _write(
        folder / "config.json",
        architectures=["Qwen2ForCausalLM"],
        model_type="qwen2",
        vocab_size=vocabulary,
        hidden_size=WIDE,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,
        hidden_act="silu",
        rms_norm_eps=1e-6,
        rope_theta=10_000.0,
        dtype="float32",
        eos_token_id=SPECIAL.index(END),
        pad_token_id=0,
        bos_token_id=None,
    )
    _write(folder / "generation_config.json", eos_token_id=SPECIAL.index(END), pad_token_id=0)


def _fond_of_endings(tensors: dict[str, np.ndarray], words: list[str]) -> None:
    """Keep the first number of the residual stream constant, and let it speak for endings."""
    tensors["model.embed_tokens.weight"][:, 0] = CONSTANT
    tensors["lm_head.weight"][:, 0] = [_liked(word) for word in words]
    for name, tensor in tensors.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            tensor[0, :] = 0.0


def _liked(word: str) -> float:
    return DISLIKED if word[:1] in tuple(SPACES) else LIKED.get(word, 0.0)


def adapter(folder: Path) -> None:
    """Write a LoRA adapter in the form that PEFT and vLLM read."""
    numbers = np.random.default_rng(8)
    tensors = {
        f"base_model.model.model.layers.{layer}.self_attn.{name}_proj.lora_{part}.weight": numbers.normal(
            0, size, shape
        ).astype(np.float32)
        for layer in range(LAYERS)
        for name in ADAPTED
        for part, size, shape in (("A", 1.0, (RANK, WIDE)), ("B", 0.02, (ATTENTION[name], RANK)))
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    _write(
        folder / "adapter_config.json",
        peft_type="LORA",
        task_type="CAUSAL_LM",
        r=RANK,
        lora_alpha=16,
        lora_dropout=0.0,
        bias="none",
        target_modules=[f"{name}_proj" for name in ADAPTED],
        base_model_name_or_path="model",
        fan_in_fan_out=False,
    )


def _write(path: Path, **content: object) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def make(folder: Path) -> Path:
    """Make everything, unless this very script did it before."""
    made, recipe = folder / "recipe", sha256(Path(__file__).read_bytes()).hexdigest()
    if not made.exists() or made.read_text(encoding="utf-8") != recipe:
        for part in ("model", "adapter"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        weights(folder / "model", tokenizer(folder / "model"))
        adapter(folder / "adapter")
        made.write_text(recipe, encoding="utf-8")
    return folder


if __name__ == "__main__":
    print(make(Path(sys.argv[1])).resolve())
