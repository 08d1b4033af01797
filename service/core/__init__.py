"""The vocabulary every part shares: numpy, Pillow and pydantic only, no I/O."""
