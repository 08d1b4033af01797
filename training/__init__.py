"""Catalogue pictures to a multi-task Vision Transformer: sources -> cache -> checkpoint."""
