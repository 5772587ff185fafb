"""Reading and running a model of Llama's or Qwen2's shape in the Hugging Face layout, for evaluation: batches of
unequal prompts, a cache of keys and values, and a tokenizer with the bytes of its tokens.

Invariant: except for rounding, the result of a prompt does not depend on the batch that it is in. Products are computed in the
given type; bf16 is several times faster on processors that support it. Everything else is computed in fp32.
"""

import json
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from data.prompts import Vocabulary


class Llama:
    def __init__(self, folder, kind=torch.float32):
        folder, self.kind = pathlib.Path(folder), kind
        config = json.loads((folder / "config.json").read_text())
        if config.get("model_type") not in ("llama", "qwen2"):
            raise SystemExit(f"{folder}: a model of the type {config.get('model_type')} is not read here, only llama and qwen2.")
        self.weights = {name: tensor.to(kind if tensor.dim() == 2 else torch.float32)
                        for name, tensor in load_file(folder / "model.safetensors").items()}
        self.layers, self.heads = config["num_hidden_layers"], config["num_attention_heads"]
        self.groups = config.get("num_key_value_heads", self.heads)
        self.width = config.get("head_dim") or config["hidden_size"] // self.heads
        self.epsilon = config["rms_norm_eps"]
        theta = config.get("rope_theta") or config.get("rope_parameters", {}).get("rope_theta", 10000.0)
        self.frequencies = 1.0 / theta ** (torch.arange(0, self.width, 2).float() / self.width)
        self.embedding = self.weights["model.embed_tokens.weight"]
        self.output = self.weights.get("lm_head.weight", self.embedding)

    def norm(self, x, name):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon) * self.weights[name]

    def linear(self, x, name):
        bias = self.weights.get(name + ".bias")
        y = F.linear(x.to(self.kind), self.weights[name + ".weight"]).float()
        return y if bias is None else y + bias

    @torch.no_grad()
    def hidden(self, ids, positions, hidden_keys, cache=None):
        """State of every position. `hidden_keys` [batch, past + length] marks padding; what is read is noted in `cache`."""
        batch, length = ids.shape
        angle = positions[..., None].float() * self.frequencies
        cosine, sine = (torch.cat((f(angle),) * 2, -1)[:, :, None] for f in (torch.cos, torch.sin))
        total = hidden_keys.shape[1]
        later = torch.ones(length, total, dtype=torch.bool).triu(total - length + 1)
        mask = torch.zeros(batch, 1, length, total).masked_fill((later | hidden_keys[:, None, :])[:, None], -1e9)
        x = self.embedding[ids].float()

        def turn(y):
            left, right = y.chunk(2, -1)
            return y * cosine + torch.cat((-right, left), -1) * sine

        for i in range(self.layers):
            name = f"model.layers.{i}."
            y = self.norm(x, name + "input_layernorm.weight")
            split = (batch, length, -1, self.width)
            query = turn(self.linear(y, name + "self_attn.q_proj").view(split)).transpose(1, 2).to(self.kind)
            key = turn(self.linear(y, name + "self_attn.k_proj").view(split)).transpose(1, 2).to(self.kind)
            value = self.linear(y, name + "self_attn.v_proj").view(split).transpose(1, 2).to(self.kind)
            if cache is not None:
                key, value = cache.note(i, key, value)
            shared = self.heads // self.groups
            query = query.reshape(batch, self.groups, shared * length, self.width)
            scores = (query @ key.transpose(2, 3)).view(batch, self.heads, length, total).float() * self.width**-0.5 + mask
            seen = torch.softmax(scores, -1).to(self.kind).view(batch, self.groups, shared * length, total) @ value
            seen = seen.view(batch, self.heads, length, self.width).transpose(1, 2).reshape(batch, length, -1)
            x = x + self.linear(seen, name + "self_attn.o_proj")
            y = self.norm(x, name + "post_attention_layernorm.weight")
            y = F.silu(self.linear(y, name + "mlp.gate_proj")) * self.linear(y, name + "mlp.up_proj")
            x = x + self.linear(y, name + "mlp.down_proj")
        return self.norm(x, "model.norm.weight")

    def logits(self, state):
        return (state.to(self.kind) @ self.output.T).float()

    def cache(self, batch, room):
        """What `hidden` notes the keys and values of a batch in; `room` is the most tokens of a row."""
        return Cache(self, batch, room)


class Cache:
    """Keys and values of a batch, with room for what is to come."""

    def __init__(self, model, batch, room):
        shape = (2, model.layers, batch, model.groups, room, model.width)
        self.held, self.lengths = torch.zeros(shape, dtype=model.kind), [0] * model.layers

    def note(self, layer, key, value):
        start, end = self.lengths[layer], self.lengths[layer] + key.shape[2]
        self.lengths[layer] = end
        for held, new in zip(self.held[:, layer], (key, value)):
            held[:, :, start:end] = new
        return self.held[0, layer, :, :, :end], self.held[1, layer, :, :, :end]

    def keep(self, rows):
        self.held = self.held[:, :, rows]


def byte_of_character():
    """The byte that each character of a byte-level vocabulary stands for."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {**{chr(byte): byte for byte in plain}, **{chr(256 + i): byte for i, byte in enumerate(rest)}}


class Words(Vocabulary):
    """A vocabulary with the bytes of its tokens; those of special tokens are empty."""

    def __init__(self, path):
        super().__init__(path)
        characters = byte_of_character()
        added = self.tokenizer.get_added_tokens_decoder()
        self.bytes = []
        for i in range(self.tokenizer.get_vocab_size()):
            text = self.tokenizer.id_to_token(i)
            self.bytes.append(b"" if i in added or text is None else bytes(characters[c] for c in text))
        self.beginnings = {}

    def able_to_begin(self, forced):
        """Ids of the tokens that the forced bytes begin with, or that begin with them."""
        if forced not in self.beginnings:
            self.beginnings[forced] = torch.tensor(
                [i for i, b in enumerate(self.bytes) if b and (b.startswith(forced) or forced.startswith(b))])
        return self.beginnings[forced]

    def take_back(self, ids):
        """Takes from a typed part's tokens the word that it ends in, and at least one, as the server heals. Returns the rest
        and the bytes to begin with."""
        ids, healed = list(ids), b""
        while ids and len(healed) < 200:
            last = self.bytes[ids[-1]]
            if healed and not (is_word(healed[0]) and is_word(last[-1])):
                break
            healed = last + healed
            ids.pop()
        return ids, healed


def is_word(byte):
    return chr(byte).isalnum() and byte < 128 or byte == 95 or byte >= 128


@torch.no_grad()
def complete(model, vocabulary, prompts, max_tokens=32):
    """Greedy continuations, up to a line break, of prompts that are (ids, bytes to begin with): one bytes object each."""
    longest = max(len(ids) for ids, _ in prompts)
    batch = torch.zeros(len(prompts), longest, dtype=torch.long)
    padding = torch.ones(len(prompts), longest, dtype=torch.bool)
    for row, (ids, _) in enumerate(prompts):
        batch[row, longest - len(ids):] = torch.tensor(ids)
        padding[row, longest - len(ids):] = False
    positions = (~padding).cumsum(1).sub(1).clamp(min=0)
    forced, texts = [f for _, f in prompts], [b""] * len(prompts)
    cache = model.cache(len(prompts), longest + max_tokens)
    state = model.hidden(batch, positions, padding, cache)[:, -1]
    position, running = positions[:, -1:], list(range(len(prompts)))
    for step in range(max_tokens):
        scores = model.logits(state)
        for row, prompt in enumerate(running):
            if forced[prompt]:
                allowed = vocabulary.able_to_begin(forced[prompt])
                barred = torch.full_like(scores[row], -1e30)
                barred[allowed] = scores[row, allowed]
                scores[row] = barred
        chosen = scores.argmax(-1)
        kept = []
        for row, prompt in enumerate(running):
            token = vocabulary.bytes[chosen[row]]
            n_forced = min(len(forced[prompt]), len(token))
            forced[prompt], texts[prompt] = forced[prompt][n_forced:], texts[prompt] + token[n_forced:]
            if token and b"\n" not in texts[prompt]:
                kept.append(row)
        if not kept or step + 1 == max_tokens:
            break
        if len(kept) < len(running):
            running = [running[row] for row in kept]
            chosen, position, padding = chosen[kept], position[kept], padding[kept]
            cache.keep(kept)
        position = position + 1
        padding = F.pad(padding, (0, 1))
        state = model.hidden(chosen[:, None], position, padding, cache)[:, -1]
    return texts
