"""What several tests share; reached as `support` through pytest's `pythonpath`."""
