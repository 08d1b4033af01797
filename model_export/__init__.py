"""Checkpoint to verified bundle: torch -> ONNX -> parity -> a folder the service can trust."""
