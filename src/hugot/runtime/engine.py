"""The library, models, tokenizers and workers that the pipelines of a session share."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from hugot._ort import providers as provider_names
from hugot.errors import ModelFormatError, ProviderError
from hugot.models.graph import op_types
from hugot.models.optimized import read_optimized
from hugot.runtime.executor import Executor
from hugot.runtime.layout import choose_layout, choose_shapes, fit_layout, is_accelerated
from hugot.runtime.loading import Background, begin_loading
from hugot.runtime.resources import available_cpus
from hugot.runtime.sessions import (
    WrittenFiles,
    check_active,
    check_dimensions,
    choose_source,
    create_session,
    log_profiles,
    native_options,
    without_files,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hugot._ort.library import Library
    from hugot._ort.providers import Provider
    from hugot._ort.session import InferenceSession
    from hugot._ort.settings import SessionOptions
    from hugot.inputs.tokenizer import LoadTokenizer, TokenizerCache
    from hugot.models.bundle import ModelBundle
    from hugot.models.optimized import OptimizedFile, OptimizedModel
    from hugot.options import RuntimeOptions
    from hugot.runtime.layout import Layout
    from hugot.runtime.model import LoadedModel
    from hugot.runtime.sessions import ModelSource

    Providers: TypeAlias = list[Provider]
    Loaded: TypeAlias = tuple[ModelSource, Providers, InferenceSession, Layout]

# Beginning of the names of the operators that scale by the largest value in the whole batch, so that a
# result depends on the other rows of the batch.
_BATCH_DEPENDENT = "DynamicQuantize"


class Engine:
    """Loads each model file and each tokenizer once, and runs groups of rows on its threads.

    ONNX Runtime's library and the native sessions are loaded on threads, mostly without the GIL, while
    the caller imports the pipeline's module and numpy and reads the tokenizer. This module and those it
    imports must therefore not import numpy or tokenizers.

    Args:
        options: the options of the session.
        library: the loading of ONNX Runtime's library, if it has begun already.

    Attributes:
        options: the options of the session.
        library: the ONNX Runtime in use.
        providers: the execution providers, by ONNX Runtime's names, and their settings.

    All but `options` wait for the library at their first use, and raise what `wait` raises.
    """

    def __init__(self, options: RuntimeOptions, library: Background[Library] | None = None) -> None:
        self.options = options
        self._cpus = options.threads or available_cpus()
        self._library = library or begin_loading(
            options.onnxruntime_library, telemetry=options.telemetry
        )
        self._settled: tuple[Library, Providers] | None = None
        self._loading: dict[str, Background[Loaded]] = {}
        self._files: WrittenFiles | None = None
        self._profiled: list[InferenceSession] = []
        self._executors: dict[int, Executor] = {}
        self._models: dict[str, LoadedModel] = {}
        self._tokenizers: TokenizerCache | None = None
        self._lock = threading.Lock()
        self._settling = threading.Lock()

    def wait(self) -> None:
        """Wait until ONNX Runtime's library is loaded.

        Raises RuntimeLibraryError if it cannot be loaded, ProviderError or InputError for providers
        that are not available.
        """
        self._settle()

    # No cached_property: without the GIL, CPython frees the dictionary that it fills, and with it the
    # models, some time after the engine.
    @property
    def library(self) -> Library:  # noqa: D102  (an attribute of the class)
        return self._settle()[0]

    @property
    def providers(self) -> Providers:  # noqa: D102
        return self._settle()[1]

    def executor(self, workers: int) -> Executor:
        """Return the worker threads of all models that run this number of groups at once."""
        with self._lock:
            if workers not in self._executors:
                self._executors[workers] = Executor(workers)
            return self._executors[workers]

    def start_loading(self, bundle: ModelBundle) -> None:
        """Begin to load a bundle's model, unless it is loaded or being loaded; see `load_model`."""
        with self._lock:
            if _key(bundle) not in self._models:
                self._begin(bundle)

    def load_model(self, bundle: ModelBundle) -> LoadedModel:
        """Return the loaded model of a bundle, which is loaded if no earlier call has done so."""
        key = _key(bundle)
        with self._lock:
            if key in self._models:
                return self._models[key]
            loading = self._begin(bundle)
        try:
            from hugot.runtime.model import LoadedModel

            # Read while the thread loads the model, so that no request has to wait for it.
            batch_dependent = self.options.microbatch is None and depends_on_batch(bundle.onnx_path)
            source, providers, session, layout = loading.result()

            model = LoadedModel(
                bundle,
                session,
                fit_layout(layout, bundle, self.options.token_budget),
                self.executor(layout.workers),
                partial(self._open_second_session, source, providers, layout.intra_op_threads),
                providers,
                batch_dependent=batch_dependent,
            )
            with self._lock:
                return self._models.setdefault(key, model)
        finally:
            with self._lock:
                if self._loading.get(key) is loading:
                    del self._loading[key]

    def forget(self, bundle: ModelBundle) -> None:
        """Wait for a loading that was begun and is no longer needed, and drop it."""
        with self._lock:
            loading = self._loading.pop(_key(bundle), None)
        if loading is not None:
            loading.wait()

    def tokenizers_of(self, bundle: ModelBundle) -> LoadTokenizer:
        """Return a function that makes a bundle's tokenizers, each once for the whole session."""
        from hugot.inputs.tokenizer import TokenizerCache

        with self._lock:
            if self._tokenizers is None:
                self._tokenizers = TokenizerCache(self._cpus)
            return partial(self._tokenizers.load, bundle)

    def optimize(self, bundle: ModelBundle) -> OptimizedModel:
        """Write the optimised file of a bundle; see `hugot.models.optimized.optimize`."""
        from hugot.models.optimized import optimize

        options = without_files(self.session_options(1))
        return optimize(bundle.onnx_path, self.library, options, self.providers)

    def check_optimized(self, bundle: ModelBundle) -> OptimizedModel | None:
        """Return the optimised file of a bundle after comparing its source's hash; None without one.

        Raises `hugot.models.sidecar.IncompatibleError` with the reason if the file cannot be used.
        """
        from hugot.models.optimized import load_optimized

        return load_optimized(
            bundle.onnx_path, self.library, self.session_options(1), self.providers, verify=True
        )

    def session_options(self, threads: int) -> SessionOptions:
        """Return the options of a native session with this number of threads within a run."""
        return native_options(self.options, threads)

    def end_profiling(self) -> list[str]:
        """Complete the profiles of all native sessions; return the paths of the files."""
        with self._lock:
            profiled, self._profiled = self._profiled, []
        return [path for session in profiled if (path := session.end_profiling())]

    def close(self) -> None:
        """End the threads and release the models; no call may be under way."""
        if paths := self.end_profiling():
            log_profiles(paths)
        for executor in self._executors.values():
            executor.close()
        with self._lock:
            self._executors.clear()
            self._models.clear()
            self._tokenizers = None

    def _settle(self) -> tuple[Library, Providers]:
        """Wait for the library and resolve the providers, once."""
        if self._settled is not None:
            return self._settled
        library, options = self._library.result(), self.options
        with self._settling:
            if self._settled is None:
                if options.plugins:
                    from hugot._ort.plugins import register_plugins

                    register_plugins(library, options.plugins)
                providers = provider_names.resolve(
                    options.providers, library, fallback=options.provider_fallback
                )
                self._settled = library, providers
            return self._settled

    def _begin(self, bundle: ModelBundle) -> Background[Loaded]:
        """Return the loading of a bundle's model, begun now if necessary; the lock must be held."""
        key = _key(bundle)
        if key not in self._loading:
            # If the optimised graph is to be written out, it must be made from the .onnx file.
            wanted = self.options.optimized_model and self.options.optimized_model_path is None
            optimized_file = read_optimized(bundle.onnx_path) if wanted else None
            self._loading[key] = Background(
                lambda: self._create_session(bundle, optimized_file), "hugot-model"
            )
        return self._loading[key]

    def _create_session(self, bundle: ModelBundle, optimized_file: OptimizedFile | None) -> Loaded:
        check_dimensions(self.options, bundle.onnx_path)
        try:
            return self._create_with(self.providers, bundle, optimized_file)
        except ProviderError as error:
            if not self.options.provider_fallback:
                raise provider_names.with_hint(error) from None
            provider_names.warn_of_fallback(error)
            return self._create_with([], bundle, optimized_file)

    def _create_with(
        self, providers: Providers, bundle: ModelBundle, optimized_file: OptimizedFile | None
    ) -> Loaded:
        options = self.options
        source = choose_source(
            bundle.onnx_path, optimized_file, self.library, self.session_options(1), providers
        )
        layout = choose_layout(
            options,
            self._cpus,
            accelerated=is_accelerated(providers),
            two_sessions=source.optimized is not None,
            shapes=choose_shapes(options, providers, bundle.longest_row),
        )
        # Of two sessions this is the one for single texts; the other is made at its first use.
        threads = layout.row_threads or layout.intra_op_threads
        session = self._open_session(source, providers, threads)
        check_active(session, providers)
        return source, providers, session, layout

    def _open_session(
        self, source: ModelSource, providers: Providers, threads: int
    ) -> InferenceSession:
        options = self.session_options(threads)
        if options.profiling is not None or options.optimized_model_path is not None:
            with self._lock:
                self._files = self._files or WrittenFiles()
                options = self._files.assign(options, source.onnx_path)
        session = create_session(self.library, source, options, providers)
        if options.profiling is not None:
            with self._lock:
                self._profiled.append(session)
        return session

    def _open_second_session(
        self, source: ModelSource, providers: Providers, threads: int
    ) -> InferenceSession:
        session = self._open_session(source, providers, threads)
        session.start_threads()
        return session


def depends_on_batch(path: Path) -> bool:
    """Whether a row's result depends on the rest of its batch, as with dynamic quantization.

    True for a file that cannot be read.
    """
    try:
        return any(name.startswith(_BATCH_DEPENDENT) for name in op_types(path))
    except (ModelFormatError, OSError):
        return True


def _key(bundle: ModelBundle) -> str:
    return str(bundle.onnx_path.resolve())
