"""The configuration entries that ONNX Runtime documents, and checks of those that users set.

ONNX Runtime ignores unknown entries, and takes every value of a switch but ``"1"`` for off. So a switch
that is neither ``"0"`` nor ``"1"`` raises. An entry that is not in the tables below is passed on with a
warning: it may be misspelt, or of a newer ONNX Runtime.
"""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from inspect import currentframe
from typing import TYPE_CHECKING, Final

from hugot.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SWITCH: Final = ("0", "1")
_FORMAT: Final = ("ONNX", "ORT")
# Execution providers have entries of their own, which are not listed anywhere.
_OF_PROVIDERS: Final = ("ep.", "session.moe.")

# Name → its valid values, or None if there are too many to list.
SESSION_KEYS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "mlas.disable_kleidiai": _SWITCH,
    "mlas.enable_gemm_fastmath_arm64_bfloat16": _SWITCH,
    "mlas.use_lut_gemm": _SWITCH,
    "optimization.disable_specified_optimizers": None,
    "optimization.enable_cast_chain_elimination": _SWITCH,
    "optimization.enable_gelu_approximation": _SWITCH,
    "optimization.enable_memory_optimizer": None,
    "optimization.memory_optimizer_config": None,
    "optimization.enable_memory_probe_recompute_config": None,
    "optimization.minimal_build_optimizations": ("", "save", "apply"),
    "session.allow_released_opsets_only": _SWITCH,
    "session.collect_node_memory_stats_to_file": None,
    "session.debug_layout_transformation": _SWITCH,
    "session.disable_aot_function_inlining": _SWITCH,
    "session.disable_cpu_ep_fallback": _SWITCH,
    "session.disable_double_qdq_remover": _SWITCH,
    "session.disable_model_compile": _SWITCH,
    "session.disable_prepacking": _SWITCH,
    "session.disable_qdq_constant_folding": _SWITCH,
    "session.disable_quant_qdq": _SWITCH,
    "session.dynamic_block_base": None,
    "session.enable_dq_matmulnbits_fusion": _SWITCH,
    "session.enable_quant_qdq_cleanup": _SWITCH,
    "session.fail_on_suboptimal_compiled_model": _SWITCH,
    "session.force_spinning_stop": _SWITCH,
    "session.graph_optimizations_loop_level": ("0", "1", "2"),
    "session.inter_op.allow_spinning": _SWITCH,
    "session.inter_op.spin_backoff_max": None,
    "session.inter_op.spin_duration_us": None,
    "session.intra_op.allow_spinning": _SWITCH,
    "session.intra_op.spin_backoff_max": None,
    "session.intra_op.spin_duration_us": None,
    "session.intra_op_thread_affinities": None,
    "session.layer_assignment_settings": None,
    "session.load_model_format": _FORMAT,
    "session.model_external_initializers_file_folder_path": None,
    "session.node_partition_config_file": None,
    "session.optimized_model_external_initializers_file_name": None,
    "session.optimized_model_external_initializers_min_size_in_bytes": None,
    "session.qdq_matmulnbits_accuracy_level": None,
    "session.qdq_matmulnbits_block_size": None,
    "session.qdqisint8allowed": _SWITCH,
    "session.record_ep_graph_assignment_info": _SWITCH,
    "session.resource_cuda_partitioning_settings": None,
    "session.save_external_prepacked_constant_initializers": _SWITCH,
    "session.save_model_format": _FORMAT,
    "session.set_denormal_as_zero": _SWITCH,
    "session.strict_shape_type_inference": _SWITCH,
    "session.use_device_allocator_for_initializers": _SWITCH,
    "session.use_env_allocators": _SWITCH,
    "session.use_ort_model_bytes_directly": _SWITCH,
    "session.use_ort_model_bytes_for_initializers": _SWITCH,
    "session.x64quantprecision": _SWITCH,
}
RUN_KEYS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "disable_synchronize_execution_providers": _SWITCH,
    "external_device_graph_capture": _SWITCH,
    "gpu_graph_id": None,
    "memory.enable_memory_arena_shrinkage": None,
    "qnn.htp_perf_mode": None,
    "qnn.htp_perf_mode_post_run": None,
    "qnn.lora_config": None,
    "qnn.rpc_control_latency": None,
}


def check_session_config(given: Mapping[str, str]) -> None:
    """Check ``session_config``; raises InputError for invalid values, warns of unknown entries."""
    for key in given:
        if key in RUN_KEYS:
            raise InputError(f"session_config: {key!r} is an entry of single runs; see run_config")
    _check("session_config", given, SESSION_KEYS)


def check_run_config(given: Mapping[str, str]) -> None:
    """Check ``run_config``; raises InputError for invalid values, warns of unknown entries."""
    for key in given:
        if key in SESSION_KEYS:
            raise InputError(f"run_config: {key!r} is an entry of the session; see session_config")
    _check("run_config", given, RUN_KEYS)


def _check(
    option: str, given: Mapping[str, str], known: Mapping[str, tuple[str, ...] | None]
) -> None:
    for key, value in given.items():
        if key.startswith(_OF_PROVIDERS):
            continue
        if key not in known:
            nearest = get_close_matches(key, known, 1, 0)[0]
            warnings.warn(
                f"{option}: {key!r} is passed on, but is not among the entries that hugot knows of, and "
                f"ONNX Runtime ignores those that it does not know. Nearest is {nearest!r}",
                UserWarning,
                stacklevel=_stack_level(),
            )
            continue
        values = known[key]
        if values is not None and value not in values:
            listed = ", ".join(repr(each) for each in values)
            raise InputError(f"{option}: {key}={value!r}; it can be {listed}")


def _stack_level() -> int:
    """Return the stacklevel for `warnings.warn`, in the caller, of the first frame outside hugot."""
    level, frame = 0, currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("hugot."):
        level, frame = level + 1, frame.f_back
    return level
