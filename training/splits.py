"""The held-out rows in two halves, so that what calibrates a model never judges it."""

from service.core.split import held_out


def calibration_half(id: str) -> bool:
    """Return whether a held-out row is for calibration; figures are reported on the others."""
    return held_out("calibration:" + id, 0.5)
