"""Load tests: a shop's traffic against a service that they start themselves.

run: stack (Redis, catalogue, service) -> pictures -> quiet -> locust -> summary -> verdict
open: the same shop, asked at times fixed ahead -> latency by rate
shopper, keeper: workload -> asks -> checks, whoever sends
"""
