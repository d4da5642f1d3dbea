"""Tiny llama-architecture GGUF models, written at test time: nothing to download, nothing to train.

A *scripted* model answers every prompt with the same tokens. Attention and feed-forward weights are zero,
so the network is a lookup table from the last token to the next one (a bigram table): each piece of
the script is one vocabulary entry with exactly one successor, and every other token (so: the end of any
chat prompt) leads to the first piece. Only a raw prompt that itself ends in a piece is gone on with.
A *random* model has seeded random weights and writes printable ASCII without end, until `max_tokens` or
its context stops it.

Source: GGUF specification (ggml, docs/gguf.md); llama.cpp's tensor names for LLM_ARCH_LLAMA.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]

DIMENSIONS: Final = 64
LAYERS: Final = 2
HEADS: Final = 4
CONTEXT_TOKENS: Final = 8192

# The words repeat nothing: a word that stood twice would have two successors.
TEXT_PIECES: Final = (
    "The",
    " quick",
    " brown",
    " fox",
    " jumps",
    " over",
    " one",
    " lazy",
    " dog",
    " naïvely 🦊",
    ".",
)
TEXT: Final = "".join(TEXT_PIECES)

TOOL_NAME: Final = "get_weather"
TOOL_ARGUMENTS: Final = {"city": "Paris", "days": 3}
# Hermes form, which llama.cpp recognises from the template below.
TOOL_PIECES: Final = (
    "<tool_call>",
    '\n{"',
    "name",
    '": "',
    TOOL_NAME,
    '", "',
    "arguments",
    '": {"',
    "city",
    '":"',
    "Paris",
    '","',
    "days",
    '":3',
    "}}\n",
    "</tool_call>",
)

CHATML_TEMPLATE: Final = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- '# Tools\\n\\nFunction signatures within <tools></tools> XML tags:\\n<tools>' }}
    {%- for tool in tools %}
        {{- '\\n' + (tool | tojson) }}
    {%- endfor %}
    {{- '\\n</tools>\\n\\nFor each call, return a JSON object within <tool_call></tool_call> XML tags:\\n' }}
    {{- '<tool_call>\\n{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call>' }}
    {{- '<|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant' }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls or [] %}
            {%- set call = tool_call.function or tool_call %}
            {{- '\\n<tool_call>\\n{\\"name\\": \\"' + call.name + '\\", \\"arguments\\": ' }}
            {{- call.arguments if call.arguments is string else call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id: control tokens, the 256 bytes, then one token per piece of a script."""

    pieces: tuple[str, ...]

    UNKNOWN: Final = 0
    TURN_START: Final = 1
    TURN_END: Final = 2
    FIRST_BYTE: Final = 3
    FIRST_PIECE: Final = 3 + 256

    def __post_init__(self) -> None:
        if len(set(self.pieces)) != len(self.pieces):
            raise ValueError("a script needs each of its pieces once: a token has one successor")
        if len(self.pieces) >= DIMENSIONS:
            raise ValueError(f"a script has fewer than {DIMENSIONS} pieces: each takes a dimension")

    @property
    def size(self) -> int:
        return self.FIRST_PIECE + len(self.pieces)

    def write(self, writer: Any) -> None:
        """Add the SentencePiece-style tokenizer's metadata to a `gguf.GGUFWriter`."""
        controls = ["<unk>", "<|im_start|>", "<|im_end|>"]
        tokens = controls + [f"<0x{byte:02X}>" for byte in range(256)] + list(self.pieces)
        kinds = (
            [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
            + [gguf.TokenType.BYTE] * 256
            + [gguf.TokenType.USER_DEFINED] * len(self.pieces)
        )
        writer.add_tokenizer_model("llama")
        writer.add_token_list(tokens)
        writer.add_token_scores([0.0] * len(tokens))
        writer.add_token_types(kinds)
        writer.add_unk_token_id(self.UNKNOWN)
        writer.add_bos_token_id(self.TURN_START)
        writer.add_eos_token_id(self.TURN_END)
        writer.add_add_bos_token(False)
        writer.add_add_space_prefix(False)
        writer.add_chat_template(CHATML_TEMPLATE)


def write_scripted_model(path: Path, pieces: Sequence[str]) -> Path:
    """Write a model that answers every prompt with `"".join(pieces)` and then ends its turn.

    Raises:
        ValueError: a piece stands twice, or there are more than 63 of them.
    """
    vocabulary = Vocabulary(tuple(pieces))
    embedding = np.zeros((vocabulary.size, DIMENSIONS), dtype=np.float32)
    output = np.zeros((vocabulary.size, DIMENSIONS), dtype=np.float32)
    embedding[: vocabulary.FIRST_PIECE, 0] = 1.0  # dimension 0: "no piece yet"
    for position in range(len(vocabulary.pieces)):
        embedding[vocabulary.FIRST_PIECE + position, position + 1] = 1.0
        # The last norm scales a one-hot row to sqrt(64) = 8, hence a logit of 160 against zeros.
        output[vocabulary.FIRST_PIECE + position, position] = 20.0
    output[vocabulary.TURN_END, len(vocabulary.pieces)] = 20.0
    _write(path, vocabulary, embedding, output, _silent_layers())
    return path


def write_text_model(path: Path) -> Path:
    """A model that always answers `TEXT`."""
    return write_scripted_model(path, TEXT_PIECES)


def write_tool_model(path: Path) -> Path:
    """A model that always calls `TOOL_NAME` with `TOOL_ARGUMENTS`."""
    call = json.loads("".join(TOOL_PIECES[1:-1]))
    if call != {"name": TOOL_NAME, "arguments": TOOL_ARGUMENTS}:
        raise ValueError("the script and the arguments that tests expect have drifted apart")
    return write_scripted_model(path, TOOL_PIECES)


def write_random_model(path: Path, seed: int = 20240229) -> Path:
    """A model with seeded random weights that writes printable ASCII and never ends its turn."""
    rng = np.random.default_rng(seed)
    vocabulary = Vocabulary(())
    embedding = rng.normal(0.0, 1.0, (vocabulary.size, DIMENSIONS)).astype(np.float32)
    output = rng.normal(0.0, 0.3, (vocabulary.size, DIMENSIONS)).astype(np.float32)
    # Dimension 0 is a constant that the layers never touch: through it, everything that is not
    # printable is pushed out of reach, since half a UTF-8 sequence is no text.
    embedding[:, 0] = 4.0
    output[:, 0] = -20.0
    output[vocabulary.FIRST_BYTE + 0x20 : vocabulary.FIRST_BYTE + 0x7F, 0] = 0.0
    layers = {
        name: rng.normal(0.0, 0.15, shape).astype(np.float32) for name, shape in _layer_shapes().items()
    }
    for name, weights in layers.items():
        if name.endswith(("attn_output.weight", "ffn_down.weight")):
            weights[0, :] = 0.0
    _write(path, vocabulary, embedding, output, layers)
    return path


def _layer_shapes() -> dict[str, tuple[int, int]]:
    square = (DIMENSIONS, DIMENSIONS)
    names = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    return {f"blk.{layer}.{name}.weight": square for layer in range(LAYERS) for name in names}


def _silent_layers() -> dict[str, Weights]:
    """Layers that add nothing to the residual stream."""
    return {name: np.zeros(shape, dtype=np.float32) for name, shape in _layer_shapes().items()}


def _write(
    path: Path, vocabulary: Vocabulary, embedding: Weights, output: Weights, layers: dict[str, Weights]
) -> None:
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(path.stem)
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(DIMENSIONS)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(DIMENSIONS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(DIMENSIONS // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocabulary.size)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    vocabulary.write(writer)
    ones = np.ones(DIMENSIONS, dtype=np.float32)
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output)
    for layer in range(LAYERS):
        writer.add_tensor(f"blk.{layer}.attn_norm.weight", ones)
        writer.add_tensor(f"blk.{layer}.ffn_norm.weight", ones)
    for name, weights in layers.items():
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
