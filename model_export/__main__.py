"""`python -m model_export` is `vitrine-export`."""

from model_export.cli import main

main()
