"""Muon for the matrices of the layers, AdamW for the embedding and the last norm, over one flat tensor.

The work is divided among processes: each updates the matrices that `share` gives to it, and nobody else's.
"""

from __future__ import annotations

import torch

from training.model import Shape

ITERATION = (3.4445, -4.7750, 2.0315)


def orthogonalise(batch: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Nearest half-orthogonal matrices, by Newton-Schulz, of a batch `[n, rows, columns]` in bf16."""
    a, b, c = ITERATION
    x = batch.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.float().norm(dim=(-2, -1), keepdim=True) + 1e-7).to(x.dtype)
    for _ in range(steps):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Optimiser:
    """State of the optimiser: two flat moments (the second one only where AdamW works)."""

    def __init__(self, shape: Shape, weights, gradients, moment, second, rank: int, world: int, settings: dict):
        self.weights, self.gradients, self.moment, self.second = weights, gradients, moment, second
        self.settings = settings
        offset, by_size, self.plain = 0, {}, []
        for name, (rows, columns) in shape.parameters():
            count = rows * columns
            if name.startswith("layers."):
                by_size.setdefault((rows, columns), []).append(offset)
            else:
                low, high = count * rank // world, count * (rank + 1) // world
                self.plain.append(slice(offset + low, offset + high))
            offset += count
        self.groups = [(size, found[rank::world]) for size, found in by_size.items() if found[rank::world]]
        self.owned = self.plain + [
            slice(o, o + rows * columns) for (rows, columns), found in self.groups for o in found
        ]

    def gather(self) -> float:
        """Adds up the gradients of all processes for the share of this one; the sum of squares of the result."""
        first, *others = self.gradients
        squares = torch.zeros((), device=first.device)
        for span in self.owned:
            for other in others:
                first[span].add_(other[span])
            squares += first[span].dot(first[span])
        return squares.item()

    def step(self, number: int, rate: float, scale: float) -> None:
        """One update. `rate` multiplies both learning rates, `scale` the gradient (clipping). `number` counts from 1."""
        wanted, gradient = self.settings, self.gradients[0]
        beta, decay = wanted["muon_momentum"], wanted["muon_decay"]
        speed = wanted["muon_rate"] * rate
        for (rows, columns), offsets in self.groups:
            updates = []
            for offset in offsets:
                span = slice(offset, offset + rows * columns)
                fresh = gradient[span].mul_(scale)
                moment = self.moment[span].lerp_(fresh, 1 - beta)
                updates.append(fresh.lerp(moment, beta).view(rows, columns))
            updates = orthogonalise(torch.stack(updates))
            factor = speed * max(1.0, rows / columns) ** 0.5
            for offset, update in zip(offsets, updates):
                matrix = self.weights[offset : offset + rows * columns].view(rows, columns)
                matrix.mul_(1 - speed * decay).sub_(update.float(), alpha=factor)
        first, second = wanted["adam_betas"]
        speed = wanted["adam_rate"] * rate
        for span in self.plain:
            fresh = gradient[span].mul_(scale)
            moment = self.moment[span].lerp_(fresh, 1 - first)
            square = self.second[span].mul_(second).addcmul_(fresh, fresh, value=1 - second)
            size = (square / (1 - second**number)).sqrt_().add_(1e-8)
            self.weights[span].addcdiv_(moment, size, value=-speed / (1 - first**number))
