"""REST: FastAPI routes over the pipeline; knows no vendor."""
