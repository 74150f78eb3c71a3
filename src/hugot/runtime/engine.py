"""What the pipelines of a session share: the library, the CPUs, the models, the workers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hugot._ort import providers as provider_names
from hugot._ort.loader import load_library
from hugot.options import RuntimeOptions, SessionOptions
from hugot.runtime.executor import Executor
from hugot.runtime.model import LoadedModel
from hugot.runtime.resources import available_cpus
from hugot.runtime.tune import choose_layout
from hugot.text.tokenizer import TextTokenizer

if TYPE_CHECKING:
    from hugot.models.bundle import ModelBundle


class Engine:
    """Loads each model file and each tokenizer once, and runs groups of rows on its threads."""

    def __init__(self, options: RuntimeOptions) -> None:
        self.options = options
        self.library = load_library(options.onnxruntime_library, telemetry=options.telemetry)
        self.providers = provider_names.resolve(
            options.providers, self.library, fallback=options.provider_fallback
        )
        self.layout = choose_layout(
            options,
            options.threads or available_cpus(),
            accelerated=any(name != provider_names.CPU for name, _ in self.providers),
        )
        self.executor = Executor(self.layout.workers)
        self._models: dict[str, LoadedModel] = {}
        self._tokenizers: dict[tuple[str, int | None, bool, int], TextTokenizer] = {}
        self._lock = threading.Lock()

    def load_model(self, bundle: ModelBundle) -> LoadedModel:
        """The loaded model of a bundle, from the cache where its file was loaded before."""
        key = str(bundle.onnx_path.resolve())
        with self._lock:
            if key not in self._models:
                self._models[key] = LoadedModel(
                    bundle,
                    self.library,
                    self._session_options(),
                    self.providers,
                    self.layout,
                    self.options.token_budget,
                )
            return self._models[key]

    def load_tokenizer(
        self,
        bundle: ModelBundle,
        max_length: int | None,
        *,
        lowercase: bool = False,
        stride: int = 0,
    ) -> TextTokenizer:
        """The tokenizer of a bundle, from the cache where it was made with the same settings."""
        key = (str(bundle.tokenizer_path.resolve()), max_length, lowercase, stride)
        with self._lock:
            if key not in self._tokenizers:
                self._tokenizers[key] = TextTokenizer(
                    bundle, max_length, lowercase=lowercase, stride=stride
                )
            return self._tokenizers[key]

    def close(self) -> None:
        """End the threads and let go of the models; no call may be under way."""
        self.executor.close()
        with self._lock:
            self._models.clear()
            self._tokenizers.clear()

    def _session_options(self) -> SessionOptions:
        options = self.options
        return SessionOptions(
            intra_op_num_threads=self.layout.intra_op_threads,
            inter_op_num_threads=1,
            execution_mode=options.execution_mode,
            graph_optimization_level=options.graph_optimization_level,
            enable_cpu_mem_arena=options.enable_cpu_mem_arena,
            enable_mem_pattern=options.enable_mem_pattern,
            log_severity_level=options.log_severity_level,
            session_config=options.session_config,
        )
