"""The layout of work: groups that run at once, threads of each, and their largest size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hugot.inputs.shapes import EXACT, GroupCost, ShapePolicy, make_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hugot._ort.providers import Provider
    from hugot.inputs.shapes import ShapeName
    from hugot.models.bundle import ModelBundle
    from hugot.options import RuntimeOptions

# Accelerators need large groups, whatever the model.
_ACCELERATOR_TOKEN_BUDGET = 16384
_FIXED_TOKEN_BUDGET = 4096
# Provider → the shapes that suit it. The others take any shape without preparing for it.
_SHAPES: dict[str, ShapeName] = {
    # Memory is planned, and kernels are chosen, for each new shape.
    "CUDAExecutionProvider": "few",
    "ROCMExecutionProvider": "few",
    "CANNExecutionProvider": "few",
    "WebGpuExecutionProvider": "few",
    # An engine is built, or the graph compiled, for each new shape: seconds to minutes.
    "TensorrtExecutionProvider": "fixed",
    "NvTensorRTRTXExecutionProvider": "fixed",
    "MIGraphXExecutionProvider": "fixed",
    "CoreMLExecutionProvider": "fixed",
    "QNNExecutionProvider": "fixed",
    "VitisAIExecutionProvider": "fixed",
    "DmlExecutionProvider": "fixed",
}
# These run on the CPU's cores: groups are as large as for the CPU itself.
_ON_CPU = (
    "CPUExecutionProvider",
    "ACLExecutionProvider",
    "AzureExecutionProvider",
    "DnnlExecutionProvider",
    "XnnpackExecutionProvider",
)
_LEAST_BUDGET, _LARGEST_BUDGET = 256, 1024

# The fixed cost of a run in tokens, measured on CPUs (benchmarks/shapes.py, models of 384 and 768 hidden
# units): each run reads all weights once; on several threads it costs more.
_OVERHEAD_ONE_THREAD, _OVERHEAD_MANY_THREADS = 12.0, 20.0
# Least duration of a run, for tiny models.
_RUN_SECONDS = 150e-6
# Floating-point operations per second and thread in the matrix products of such models.
_OPERATIONS_PER_SECOND = 1e11
# Share of attention in a token's time, per token of width, at 384 hidden units; it falls with the square
# of the number of units.
_QUADRATIC_AT_384 = 1.05e-3
_DEFAULT_COST = GroupCost()


@dataclass(frozen=True)
class Layout:
    """How a model's work is spread over threads.

    Attributes:
        workers: groups that run at the same time.
        intra_op_threads: threads of ONNX Runtime within one group.
        token_budget: most padded tokens in a group.
        cost: the expected cost of a group.
        row_threads: threads of ONNX Runtime for a single text, if there is a second session for these;
            otherwise None.
        shapes: the shapes that groups are padded to.
    """

    workers: int
    intra_op_threads: int
    token_budget: int
    cost: GroupCost = _DEFAULT_COST
    row_threads: int | None = None
    shapes: ShapePolicy = EXACT


def choose_shapes(
    options: RuntimeOptions, providers: Sequence[Provider], longest: int | None
) -> ShapePolicy:
    """Return the shapes that the options name, or those that suit the first provider.

    `longest` is the length of the longest row that the model takes.
    """
    name: ShapeName | None = options.shape_policy
    if name is None and options.widths is not None:
        name = "few"
    if name is None:
        first = next((each.name for each in providers if each.name not in _ON_CPU), None)
        name = _SHAPES.get(first, "exact") if first is not None else "exact"
    return make_policy(name, options.widths, longest)


def is_accelerated(providers: Sequence[Provider]) -> bool:
    """Whether a part of the work runs on another device than the CPU's cores."""
    return not all(_is_on_cpu(each) for each in providers)


def _is_on_cpu(provider: Provider) -> bool:
    if provider.devices:
        return all(device.device_type == "cpu" for device in provider.devices)
    if provider.name == "OpenVINOExecutionProvider":
        return str(provider.settings.get("device_type", "CPU")).upper().startswith("CPU")
    return provider.name in _ON_CPU


def choose_layout(
    options: RuntimeOptions,
    cpus: int,
    *,
    accelerated: bool,
    two_sessions: bool = False,
    shapes: ShapePolicy = EXACT,
) -> Layout:
    """Return the layout for a mode on this number of CPUs.

    Workers of one thread have the highest rate; all threads on one group have the lowest latency (on
    two CPUs: 8300 against 7000 tokens/s in bulk, 6.6 against 4.0 ms for one text). ``"auto"`` has a
    session for each if a second one takes little memory (`two_sessions`), and otherwise the layout of
    ``"latency"``: one session for both reached at best 0.91 of the rate and 0.74 of the speed of a
    single text, without spinning threads.
    """
    budget = options.token_budget or _LEAST_BUDGET
    if accelerated:
        large = _FIXED_TOKEN_BUDGET if shapes.name == "fixed" else _ACCELERATOR_TOKEN_BUDGET
        budget = options.token_budget or large
        return Layout(options.workers or 1, cpus, budget, shapes=shapes)
    if options.workers is not None:
        return Layout(options.workers, max(1, cpus // options.workers), budget, shapes=shapes)
    if options.mode == "throughput" or cpus == 1:
        return Layout(cpus, 1, budget, shapes=shapes)
    if options.mode == "auto" and two_sessions:
        return Layout(cpus, 1, budget, row_threads=cpus, shapes=shapes)
    return Layout(1, cpus, budget, shapes=shapes)


def fit_layout(layout: Layout, bundle: ModelBundle, token_budget: int | None) -> Layout:
    """Return the layout with a model's cost of groups and, unless `token_budget` is set, its budget."""
    hidden, layers = bundle.hidden_size, bundle.layers
    # A transformer layer multiplies each token with 12 hidden**2 weights.
    seconds_per_token = 24 * hidden**2 * layers / _OPERATIONS_PER_SECOND / layout.intra_op_threads
    alone = layout.intra_op_threads == 1
    overhead = max(
        _OVERHEAD_ONE_THREAD if alone else _OVERHEAD_MANY_THREADS,
        _RUN_SECONDS / seconds_per_token,
    )
    cost = GroupCost(overhead, _QUADRATIC_AT_384 * (384 / hidden) ** 2)
    if token_budget is not None or layout.token_budget != _LEAST_BUDGET:
        return replace(layout, cost=cost)
    budget = _LEAST_BUDGET
    # Doubled until the overhead is at most a twentieth of a group's cost.
    while budget < min(20 * overhead, _LARGEST_BUDGET):
        budget *= 2
    return replace(layout, token_budget=budget, cost=cost)
