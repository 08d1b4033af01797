"""A small invented shop: product records and pictures of them, drawn from a seed."""
