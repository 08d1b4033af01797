"""Benchmarks that print ratios against the raw limits: `python -m bench`, JSON on stdout."""
