"""Heads over one shared embedding: class vectors for tasks, for weak labels, and a teacher's.

"Classification is a Strong Baseline for Deep Metric Learning" (Zhai, Wu, 2019), as Pinterest's
multi-task embeddings use it: the cosine of an embedding to each class proxy, over a temperature.
A label may stand for several classes ("Pants" for trousers, jeans, leggings ...): the loss is then
the negative log of their summed probability.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SURE = 0.9  # another class has this probability ...
_UNLIKELY = 0.01  # ... and the label less than this: the label is taken for a mistake


class ProxyHead(nn.Module):
    """One task's proxies; `allowed` says which classes each label stands for."""

    allowed: Tensor

    def __init__(self, dim: int, allowed: Tensor, temperature: float, sampled: int = 4096) -> None:
        """Make random proxies.

        Args:
            dim: Width of the embedding.
            allowed: (labels, classes) bool.
            temperature: Divides the cosine.
            sampled: Above so many classes, a batch is compared with its own and as many others
                as make up this number, drawn at random.
        """
        super().__init__()
        _, classes = allowed.shape
        self.temperature = temperature
        self.sampled = sampled
        self.proxies = nn.Parameter(torch.randn(classes, dim) * dim**-0.5)
        self.register_buffer("allowed", allowed, persistent=False)

    def forward(self, embeddings: Tensor, labels: Tensor, *, guard: bool = False) -> Tensor:
        """Mean loss over the labelled rows; zero where none is.

        Args:
            embeddings: (b, dim) unit vectors.
            labels: (b,) int64, -1 where the row has no label for this task.
            guard: Leave out rows whose label the head is sure is wrong: confident disagreement,
                after "Confident Learning" (Northcutt, Jiang, Chuang, 2021).
        """
        known = labels >= 0
        if not bool(known.any()):
            return embeddings.sum() * 0.0
        allowed = self.allowed[labels[known]]
        proxies, allowed = self._compared(allowed)
        logits = embeddings[known] @ F.normalize(proxies, dim=-1).T / self.temperature
        right = logits.masked_fill(~allowed, -torch.inf).logsumexp(dim=-1)
        losses = logits.logsumexp(dim=-1) - right
        if guard:
            trusted = ~_disagrees(logits.detach(), losses.detach())
            losses = losses[trusted] if bool(trusted.any()) else losses * 0.0
        return losses.mean()

    def _compared(self, allowed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the proxies of this step, and (rows, classes) which of them are right."""
        classes = len(self.proxies)
        if classes <= self.sampled:
            return self.proxies, allowed
        needed = allowed.any(dim=0)
        chance = torch.rand(classes, device=needed.device) + needed.float()
        kept = chance.topk(max(self.sampled, int(needed.sum()))).indices
        return self.proxies[kept], allowed[:, kept]


def _disagrees(logits: Tensor, losses: Tensor) -> Tensor:
    """(rows,) bool: whether the head is sure of a class that the label does not mean."""
    surest = logits.softmax(dim=-1).amax(dim=-1)
    return (surest > _SURE) & (torch.exp(-losses) < _UNLIKELY)


class WeakHead(nn.Module):
    """Every weak label's vector; a label's logit is its scaled cosine plus a bias.

    Binary cross-entropy on each, as in "Billion-Scale Pretraining with Vision Transformers for
    Multi-Task Visual Representations" (Beal et al., 2022); scale and bias start as SigLIP's
    (Zhai et al., 2023), so that at first every label is unlikely.
    """

    def __init__(self, dim: int, labels: int) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.randn(labels, dim) * dim**-0.5)
        self.log_scale = nn.Parameter(torch.tensor(10.0).log())
        self.bias = nn.Parameter(torch.tensor(-10.0))

    def forward(self, embeddings: Tensor, targets: Tensor) -> Tensor:
        """Loss a positive label, over the rows that have any; zero where none has.

        Args:
            embeddings: (b, dim) unit vectors.
            targets: (b, labels) float32, 0-1.
        """
        told = targets.sum(dim=1) > 0
        if not bool(told.any()):
            return embeddings.sum() * 0.0
        cosines = embeddings[told] @ F.normalize(self.proxies, dim=-1).T
        logits = self.log_scale.exp() * cosines + self.bias
        losses = F.binary_cross_entropy_with_logits(logits, targets[told], reduction="sum")
        return losses / targets[told].sum()


class TeacherHead(nn.Module):
    """How far embeddings point from a teacher's: one minus the cosine, lower is nearer.

    "Knowledge distillation: A good teacher is patient and consistent" (Beyer et al., 2022): both
    see the identical view, no labels are used, and the schedule is long. Where the paper compares
    class distributions, a search engine compares directions. Where the widths differ, a linear
    layer that is thrown away afterwards stands between.
    """

    def __init__(self, dim: int, teacher_dim: int) -> None:
        super().__init__()
        self.bridge = nn.Identity() if dim == teacher_dim else nn.Linear(dim, teacher_dim)

    def forward(self, embeddings: Tensor, taught: Tensor) -> Tensor:
        """Mean loss.

        Args:
            embeddings: (b, dim) unit vectors.
            taught: (b, teacher_dim) unit vectors of the same views.
        """
        return 1 - F.cosine_similarity(self.bridge(embeddings), taught).mean()
