"""Which settings of a run may be another when it is taken up again, and which may not."""

from __future__ import annotations

from typing import Final

# These change no result: where to read and write, what is told, how fast it goes, which way leads to a
# model (its files are compared themselves).
FREE: Final = frozenset(
    {
        *("sources", "folder", "resume", "overwrite", "checkpoint_seconds", "on_error", "errors"),
        *("quiet", "log_level", "log_seconds", "stats", "stats_json", "config"),
        *("model", "model_folder", "onnx_file", "variant", "revision", "verify"),
        *("mode", "threads", "workers", "token_budget", "shape_policy", "widths"),
        *("execution_mode", "inter_op_threads", "spinning", "microbatch", "max_queue"),
        *("enable_cpu_mem_arena", "shrink_cpu_mem_arena", "enable_mem_pattern"),
        *("optimized_model", "optimized_model_path"),
        *("log_severity_level", "profiling", "telemetry"),
    }
)

# These may change one, if only by rounding: what is computed, by which library, on which hardware.
FIXED: Final = frozenset(
    {
        *("task", "batch_size", "library", "onnxruntime_library"),
        *("input_format", "output_format", "input_column", "pair_column", "max_line_bytes"),
        *("shard_size", "result_format", "embedding_type"),
        *("providers", "provider_fallback", "plugins", "custom_op_libraries"),
        *("graph_optimization_level", "free_dimensions", "free_dimension_denotations"),
        *("session_config", "run_config"),
    }
)
