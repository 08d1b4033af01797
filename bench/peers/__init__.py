"""What others would write with the same model and index, to load beside the service.

`parts`: session, index, ids, an answer as long as the service's
    -> `naive`: FastAPI, each search in a thread of its own
    -> `batched`: LitServe, with its batching
"""
