"""Make a tiny model with random weights as a GGUF file, for a llama.cpp server and without any download.

Its answers are nonsense, but everything around them is real: a byte-level vocabulary that can write any text, a llama
of two layers, a chat template. It likes to come to an end: an answer has some thirty tokens. Used by the tests marked
``llama``; needs numpy and gguf, which ``scripts/llama.sh`` installs:

    .venv-llama/bin/python scripts/tiny_gguf.py FILE
"""

import sys
from pathlib import Path

import gguf
import numpy as np

CONTEXT = 65_536
"""The model's own; what is served is the server's choice."""
WIDE, INNER, LAYERS, HEADS, KEY_VALUE_HEADS = 64, 128, 2, 4, 2
CONSTANT, LIKED = 4.0, 0.07
"""The first number of the residual stream, alike for every word, and what it says for the end of an answer: about one
word in thirty at a low temperature."""
SPECIAL = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>")
END = SPECIAL.index("<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = ("\u2581", *map(chr, range(33, 127)), "\u2581the", "ok", "true", "false")
"""Beside the bytes; the first one is a space as SentencePiece writes it."""


def vocabulary() -> tuple[list[str], list[int]]:
    """Tokens and their types."""
    kinds = gguf.TokenType
    tokens = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *WORDS]
    types = [kinds.UNKNOWN, *[kinds.CONTROL] * (len(SPECIAL) - 1), *[kinds.BYTE] * 256, *[kinds.NORMAL] * len(WORDS)]
    return tokens, [int(kind) for kind in types]


def write(path: Path) -> None:
    """Write the model; the same bytes each time."""
    tokens, types = vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDE)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDE // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(number) for number in range(len(tokens))])
    writer.add_token_types(types)
    writer.add_bos_token_id(SPECIAL.index("<s>"))
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(SPECIAL.index("<unk>"))
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)
    numbers, narrow = np.random.default_rng(0), WIDE * KEY_VALUE_HEADS // HEADS
    shapes = {"token_embd": (len(tokens), WIDE), "output": (len(tokens), WIDE)}
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        shapes |= {f"{at}.attn_q": (WIDE, WIDE), f"{at}.attn_k": (narrow, WIDE), f"{at}.attn_v": (narrow, WIDE)}
        shapes |= {f"{at}.attn_output": (WIDE, WIDE), f"{at}.ffn_down": (WIDE, INNER)}
        shapes |= {f"{at}.ffn_gate": (INNER, WIDE), f"{at}.ffn_up": (INNER, WIDE)}
    for name, shape in shapes.items():
        tensor = (numbers.standard_normal(shape) * 0.05).astype(np.float32)
        if name == "token_embd":
            tensor[:, 0] = CONSTANT
        elif name == "output":
            tensor[:, 0] = 0.0
            tensor[END, 0] = LIKED
        elif name.endswith(("attn_output", "ffn_down")):
            tensor[0, :] = 0.0
        writer.add_tensor(f"{name}.weight", tensor)
    norms = ("output_norm", *(f"blk.{layer}.{part}_norm" for layer in range(LAYERS) for part in ("attn", "ffn")))
    for name in norms:
        writer.add_tensor(f"{name}.weight", np.ones(WIDE, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
