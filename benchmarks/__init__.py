"""Programs that measure: ``python -m benchmarks.NAME --json``, tables under docs/benchmarks."""
