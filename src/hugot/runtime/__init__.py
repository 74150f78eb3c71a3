"""A loaded model, worker threads, CPUs."""
