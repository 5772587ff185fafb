"""The model: a decoder of Llama's shape, written for training speed on CPU cores and on one CUDA device.

All parameters live in one flat tensor, of which every named matrix is a view. So a copy in bf16, a gradient, a moment
or an average is one flat tensor too, and processes can share each of them. Norms inside the layers have no gain of
their own: the matrix behind each of them learns it. The exporter writes ones for them.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F

EPSILON = 1e-6
MASKED = -1e4


@dataclass(frozen=True)
class Shape:
    """Sizes of a model. Everything that decides whether two sets of weights fit each other."""

    vocabulary: int = 8192
    width: int = 256
    layers: int = 8
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 704
    head_width: int = 64
    theta: float = 10000.0
    positions: int = 2048

    def parameters(self) -> list[tuple[str, tuple[int, int]]]:
        """Name and shape of every matrix, in the order of the flat tensor. Rows are outputs."""
        query, key = self.heads * self.head_width, self.kv_heads * self.head_width
        named = [("embed", (self.vocabulary, self.width)), ("norm", (1, self.width))]
        for index in range(self.layers):
            named += [
                (f"layers.{index}.query", (query, self.width)),
                (f"layers.{index}.key", (key, self.width)),
                (f"layers.{index}.value", (key, self.width)),
                (f"layers.{index}.out", (self.width, query)),
                (f"layers.{index}.gate", (self.feed_forward, self.width)),
                (f"layers.{index}.up", (self.feed_forward, self.width)),
                (f"layers.{index}.down", (self.width, self.feed_forward)),
            ]
        return named

    def count(self) -> int:
        """Number of parameters, the embedding (which is the output layer too) counted once."""
        return sum(rows * columns for _, (rows, columns) in self.parameters())

    def as_dict(self) -> dict:
        return asdict(self)


def views(flat: torch.Tensor, shape: Shape) -> dict[str, torch.Tensor]:
    """Every named matrix as a view of a flat tensor."""
    found, offset = {}, 0
    for name, (rows, columns) in shape.parameters():
        found[name] = flat[offset : offset + rows * columns].view(rows, columns)
        offset += rows * columns
    return found


def initialise(flat: torch.Tensor, shape: Shape, seed: int) -> None:
    """Fresh weights: normal with a deviation of 0.02, smaller for the matrices that write to the residual stream."""
    generator = torch.Generator().manual_seed(seed)
    residual = 0.02 / math.sqrt(2 * shape.layers)
    for name, matrix in views(flat, shape).items():
        if name == "norm":
            matrix.fill_(1.0)
        else:
            deviation = residual if name.endswith((".out", ".down")) else 0.02
            matrix.copy_(torch.randn(matrix.shape, generator=generator) * deviation)


def normalise(x: torch.Tensor) -> torch.Tensor:
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + EPSILON)).to(x.dtype)


def rotate(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    left, right = x.chunk(2, -1)
    return torch.cat((left * cosine - right * sine, right * cosine + left * sine), -1)


def attend_plain(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Causal attention as two products and a softmax, in two halves of the queries (a quarter less to compute).

    `query` is [groups, heads per group, length, width], `key` and `value` [groups, length, width]: heads that share
    a key become rows of one product. Faster on CPUs than the ready-made attention.
    """
    _, shared, length, width = query.shape
    scale = width**-0.5
    parts = []
    half = length // 2 if length % 2 == 0 else length
    for start in range(0, length, half):
        end = start + half
        rows = query[:, :, start:end].reshape(-1, shared * half, width)
        scores = torch.bmm(rows, key[:, :end].transpose(1, 2)).view(-1, shared, half, end)
        weights = torch.softmax(scores.float() * scale + mask[start:end, :end], -1).to(query.dtype)
        parts.append(torch.bmm(weights.view(-1, shared * half, end), value[:, :end]).view(-1, shared, half, width))
    return torch.cat(parts, 2) if len(parts) > 1 else parts[0]


def attend_fused(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The same through the device's fused attention kernel."""
    key = key[:, None].expand(query.shape[:2] + key.shape[1:])
    value = value[:, None].expand(query.shape[:2] + value.shape[1:])
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def layer(x, wide, out, feed, down, cosine, sine, mask, shape: Shape, length: int):
    """One layer over `[batch * length, width]`. `wide` is query, key and value in one; `feed` is gate and up in one."""
    heads, groups, width = shape.heads, shape.kv_heads, shape.head_width
    shared = heads // groups
    mixed = F.linear(normalise(x), wide).view(-1, length, heads + 2 * groups, width)
    query = rotate(mixed[:, :, :heads], cosine, sine).view(-1, length, groups, shared, width)
    query = query.permute(0, 2, 3, 1, 4).reshape(-1, shared, length, width)
    key = rotate(mixed[:, :, heads : heads + groups], cosine, sine).transpose(1, 2).reshape(-1, length, width)
    value = mixed[:, :, heads + groups :].transpose(1, 2).reshape(-1, length, width)
    attend = attend_fused if x.is_cuda else attend_plain
    seen = attend(query, key, value, mask).view(-1, heads, length, width).transpose(1, 2)
    x = x + F.linear(seen.reshape(-1, heads * width), out)
    gate, up = F.linear(normalise(x), feed).chunk(2, -1)
    return x + F.linear((F.silu(gate.float()) * up.float()).to(x.dtype), down)


def last(x, gain):
    return normalise(x) * gain


def spread(logits, weights, penalty):
    """Gradient of the weighted loss over the logits but for the target's own share, and the log of each row's sum."""
    wide = logits.float()
    total = torch.logsumexp(wide, -1, keepdim=True)
    factor = weights[:, None] * (1.0 + 2.0 * penalty * total)
    return ((wide - total).exp() * factor).to(logits.dtype), total[:, 0]


class Model:
    """Forward and backward of a model whose weights are views of a flat tensor in the type to compute in."""

    def __init__(self, shape: Shape, flat: torch.Tensor, compiled: bool = True, chunk: int = 512):
        self.shape, self.flat, self.chunk = shape, flat, chunk
        named = views(flat, shape)
        self.embed, self.gain = named["embed"], named["norm"][0]
        offsets, offset = {}, 0
        for name, (rows, columns) in shape.parameters():
            offsets[name] = offset
            offset += rows * columns
        # Query, key and value lie side by side in the flat tensor, and so do gate and up: one matrix each.
        self.parts, self.spans = [], []
        key = shape.kv_heads * shape.head_width
        wide_rows = shape.heads * shape.head_width + 2 * key
        for index in range(shape.layers):
            spans = [
                (offsets[f"layers.{index}.query"], wide_rows, shape.width),
                (offsets[f"layers.{index}.out"], shape.width, shape.heads * shape.head_width),
                (offsets[f"layers.{index}.gate"], 2 * shape.feed_forward, shape.width),
                (offsets[f"layers.{index}.down"], shape.width, shape.feed_forward),
            ]
            self.parts.append([flat[o : o + r * c].view(r, c).detach().requires_grad_() for o, r, c in spans])
            self.spans.append(spans)
        compile_ = (lambda f: torch.compile(f, dynamic=False)) if compiled else (lambda f: f)
        self.layer, self.last, self.spread = compile_(layer), compile_(last), compile_(spread)
        self.tables: dict[int, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    def table(self, length: int):
        """Cosine, sine and mask for a length."""
        if length not in self.tables:
            device, half = self.flat.device, self.shape.head_width // 2
            steps = torch.arange(half, device=device, dtype=torch.float32) / half
            angle = torch.arange(length, device=device, dtype=torch.float32)[:, None] / self.shape.theta**steps
            mask = torch.full((length, length), MASKED, device=device).triu(1)
            kind = self.flat.dtype
            self.tables[length] = angle.cos()[:, None].to(kind), angle.sin()[:, None].to(kind), mask
        return self.tables[length]

    def hidden(self, x: torch.Tensor, length: int, gain: torch.Tensor) -> torch.Tensor:
        """Embedded tokens `[batch * length, width]` to what the output layer reads."""
        tables = self.table(length)
        for parts in self.parts:
            x = self.layer(x, *parts, *tables, self.shape, length)
        return self.last(x, gain)

    def learn(self, ids, targets, weights, gradient: torch.Tensor, penalty: float) -> torch.Tensor:
        """Adds the gradient of the weighted loss to the flat `gradient` (fp32) and returns that loss.

        `ids`, `targets`, `weights` are `[batch, length]`; the weights of all that is summed up should add up to 1.
        """
        length, tokens = ids.shape[1], ids.reshape(-1)
        x = self.embed.detach()[tokens].requires_grad_()
        gain = self.gain.detach().requires_grad_()
        state = self.hidden(x, length, gain)
        named = views(gradient, self.shape)
        loss, slope = self.output(state.detach(), targets.reshape(-1), weights.reshape(-1), named["embed"], penalty)
        state.backward(slope)
        named["embed"].index_add_(0, tokens, x.grad.float())
        named["norm"][0].add_(gain.grad)
        for parts, spans in zip(self.parts, self.spans):
            for part, (offset, rows, columns) in zip(parts, spans):
                gradient[offset : offset + rows * columns].view(rows, columns).add_(part.grad)
                part.grad = None
        return loss

    def output(self, state, targets, weights, gradient, penalty):
        """Loss of the output layer, the gradient for `state`, and the layer's own added to `gradient`.

        Works through the rows by chunks, so that no more than one chunk of logits is in the processor's cache, and
        makes the gradient at once: nothing of the size of the logits is kept in fp32.
        """
        embed, rows = self.embed.detach(), state.shape[0]
        slope = torch.empty_like(state)
        kept = torch.empty(rows, embed.shape[0], dtype=state.dtype, device=state.device)
        loss = torch.zeros((), device=state.device)
        chunk = min(self.chunk, rows) if rows % self.chunk == 0 or rows < self.chunk else rows
        for start in range(0, rows, chunk):
            part = slice(start, start + chunk)
            logits = state[part] @ embed.T
            spread, total = self.spread(logits, weights[part], penalty)
            picked = logits.gather(1, targets[part, None])[:, 0].float()
            loss += ((total - picked) * weights[part]).sum()
            # Not scatter_add_, which copies the whole chunk on a CPU.
            spread[torch.arange(len(spread), device=spread.device), targets[part]] -= weights[part].to(spread.dtype)
            slope[part] = spread @ embed
            kept[part] = spread
        gradient.add_(kept.T @ state)
        return loss, slope

    @torch.no_grad()
    def losses(self, ids, targets) -> torch.Tensor:
        """Loss in nats of every target, `[batch, length]`, in fp32."""
        state = self.hidden(self.embed[ids.reshape(-1)], ids.shape[1], self.gain)
        found = []
        for start in range(0, state.shape[0], 512):
            logits = (state[start : start + 512] @ self.embed.T).float()
            found.append(F.cross_entropy(logits, targets.reshape(-1)[start : start + 512], reduction="none"))
        return torch.cat(found).view(ids.shape)

    @torch.no_grad()
    def logits(self, ids) -> torch.Tensor:
        """Logits `[batch, length, vocabulary]` in fp32, for checks."""
        state = self.hidden(self.embed[ids.reshape(-1)], ids.shape[1], self.gain)
        return (state @ self.embed.T).float().view(*ids.shape, -1)
