"""Load tests: a shop's traffic against a service that they start themselves.

run: stack (Redis, catalogue, service) -> pictures -> workload file -> locust -> summary -> verdict
locustfile: workload -> requests -> checks
"""
