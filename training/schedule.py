"""How the learning rate of every run goes: up in a line, then down a cosine."""

import math


def warmup_cosine(progress: float, warmup: float) -> float:
    """Return the part of the peak rate: linear to 1 over `warmup`, then along a cosine to 0.

    Args:
        progress: Part of the run that is done, 0-1.
        warmup: Part of the run that it rises for, 0-1.
    """
    if progress < warmup:
        return (progress + 1e-6) / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
