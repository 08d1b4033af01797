"""The use-cases, each flow readable top to bottom in one module; sees `service.core` only."""
