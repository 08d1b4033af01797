"""One vendor a module, each translating that vendor's exceptions into `service.core.errors`."""
