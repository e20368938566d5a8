"""Writes a small Llama with random weights and a vocabulary of bytes as GGUF: nothing is downloaded, and its answers are noise.

    python model.py FILE

Every byte is a token, so the server's counts differ from a client's guess of four characters a token. The rows of the output
matrix that would make anything but printable ASCII or the end of the text are zero, the others are large and random: answers are text
in which each token is a character, some end by themselves and some at the caller's cap.
"""

import sys

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, INNER, CONTEXT = 256, 4, 4, 704, 8192
BEGIN, END = "<|begin|>", "<|end|>"
TEMPLATE = (
    "{% for message in messages %}{{ '<' + message['role'] + '>' + message['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)
# Of the tokens that are said. The likeliest of 96 lies near 7 then, and what is less than a twentieth as likely, as a token of a zero
# row is, is not sampled (llama.cpp's min_p).
LOGIT_SPREAD = 3.0
# So that some answers end before their cap.
END_WEIGHT = 2.0


def byte_names() -> list[str]:
    """GPT-2's printable name for each byte, in the order of the bytes."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def write(path: str) -> None:
    tokens = byte_names() + [BEGIN, END]
    count = len(tokens)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("random-llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(count)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * 2)
    # A vocabulary of bytes merges nothing; this pair never meets, and the reader wants at least one.
    writer.add_token_merges([f"{tokens[0]} {tokens[1]}"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(257)
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)

    chance = np.random.default_rng(1)

    def random(rows: int, columns: int, spread: float) -> np.ndarray:
        return chance.normal(0.0, spread, (rows, columns)).astype(np.float32)

    writer.add_tensor("token_embd.weight", random(count, WIDTH, 1.0))
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}.{name}.weight", np.ones(WIDTH, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{block}.{name}.weight", random(WIDTH, WIDTH, WIDTH**-0.5))
        writer.add_tensor(f"{block}.ffn_gate.weight", random(INNER, WIDTH, WIDTH**-0.5))
        writer.add_tensor(f"{block}.ffn_up.weight", random(INNER, WIDTH, WIDTH**-0.5))
        writer.add_tensor(f"{block}.ffn_down.weight", random(WIDTH, INNER, INNER**-0.5))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    output = random(count, WIDTH, LOGIT_SPREAD * WIDTH**-0.5)
    said = [*range(ord(" "), ord("~") + 1), 257]
    output[np.setdiff1d(np.arange(count), said)] = 0.0
    output[257] *= END_WEIGHT
    writer.add_tensor("output.weight", output)

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1])
