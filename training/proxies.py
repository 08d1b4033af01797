"""Classification over normalised proxies: one linear layer of unit class vectors per task.

"Classification is a Strong Baseline for Deep Metric Learning" (Zhai, Wu, 2019), as Pinterest's
multi-task embeddings use it: the cosine of an embedding to each class proxy, over a temperature.
A label may stand for several classes ("Pants" for trousers, jeans, leggings ...): the loss is then
the negative log of their summed probability.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ProxyHead(nn.Module):
    """One task's proxies; `allowed` says which classes each label stands for."""

    allowed: Tensor

    def __init__(self, dim: int, allowed: Tensor, temperature: float) -> None:
        """Make random proxies.

        Args:
            dim: Width of the embedding.
            allowed: (labels, classes) bool.
            temperature: Divides the cosine.
        """
        super().__init__()
        _, classes = allowed.shape
        self.temperature = temperature
        self.proxies = nn.Parameter(torch.randn(classes, dim) * dim**-0.5)
        self.register_buffer("allowed", allowed, persistent=False)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Mean loss over the labelled rows; zero where none is.

        Args:
            embeddings: (b, dim) unit vectors.
            labels: (b,) int64, -1 where the row has no label for this task.
        """
        known = labels >= 0
        if not bool(known.any()):
            return embeddings.sum() * 0.0
        logits = embeddings[known] @ F.normalize(self.proxies, dim=-1).T / self.temperature
        allowed = self.allowed[labels[known]]
        right = logits.masked_fill(~allowed, -torch.inf).logsumexp(dim=-1)
        return (logits.logsumexp(dim=-1) - right).mean()


def multi_task_loss(heads: nn.ModuleDict, embeddings: Tensor, labels: Tensor) -> Tensor:
    """Sum of the tasks' losses with equal weights.

    Args:
        heads: A `ProxyHead` per task, in the order of the columns of `labels`.
        embeddings: (b, dim) unit vectors.
        labels: (b, tasks) int64, -1 where unlabelled.
    """
    losses = [head(embeddings, labels[:, i]) for i, head in enumerate(heads.values())]
    return torch.stack(losses).sum()
