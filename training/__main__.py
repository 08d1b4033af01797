"""`python -m training` is `vitrine-train`."""

from training.cli import main

main()
