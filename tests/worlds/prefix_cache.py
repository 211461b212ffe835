"""A prefix cache as vLLM has one, for requests of the OpenAI protocol, and what of them it would have served."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

BLOCK = 16
"""Tokens; only whole blocks are kept, each known by its tokens and all before it."""
_TOKEN = re.compile(r" ?[A-Za-z]{1,6}| ?[0-9]{1,3}|\s+|[^\sA-Za-z0-9]{1,2}")
"""About what a byte-level BPE makes of code. Where the tokens end matters little: it is blocks that are counted."""


class ReadPrompt(NamedTuple):
    """A prompt as a server read it."""

    role: str
    tokens: int
    cached: int


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """Large enough to forget nothing. Answers are not in it: they may be spelt in other tokens than they came in."""

    blocks: set[bytes] = field(default_factory=set[bytes])

    def read(self, body: Mapping[str, Any], role: str = "") -> ReadPrompt:
        """Read the prompt of a request."""
        tokens = _TOKEN.findall(rendered(body))
        cached, before, hits = 0, b"", True
        for start in range(0, len(tokens) - BLOCK + 1, BLOCK):
            before = sha256(before + "\0".join(tokens[start : start + BLOCK]).encode(errors="replace")).digest()
            hits = hits and before in self.blocks
            # The last token of a prompt is always computed: what comes after it is what is asked for.
            if hits and start + BLOCK < len(tokens):
                cached += BLOCK
            self.blocks.add(before)
        return ReadPrompt(role, len(tokens), cached)


def rendered(body: Mapping[str, Any]) -> str:
    """What a chat template like Qwen's makes of a request: tools in front, then the messages in their order."""
    tools = "".join(f"{json.dumps(tool)}\n" for tool in body.get("tools") or ())
    messages = (
        f"<|im_start|>{message['role']}\n{message.get('content') or ''}"
        + "".join(f"\n{json.dumps(call['function'])}" for call in message.get("tool_calls") or ())
        + "<|im_end|>\n"
        for message in body["messages"]
    )
    return f"{tools}{''.join(messages)}<|im_start|>assistant\n"


def share(read: Iterable[ReadPrompt]) -> float:
    """Share of these prompts that came from the cache."""
    prompts = list(read)
    return sum(each.cached for each in prompts) / max(1, sum(each.tokens for each in prompts))
