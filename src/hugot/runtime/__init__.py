"""Running models: native sessions, worker threads, CPUs and execution providers."""
