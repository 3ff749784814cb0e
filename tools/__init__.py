"""What maintainers run by hand; tests and benchmarks import them too."""
