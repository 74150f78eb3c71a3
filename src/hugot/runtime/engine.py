"""What the pipelines of a session share: the library, the CPUs, the models, the workers."""

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

# Operators that scale by the largest value in the whole batch, so that a result depends on what else is
# in it; exporters have several, all of which begin so.
_BATCH_DEPENDENT = "DynamicQuantize"


class Engine:
    """Loads each model file and each tokenizer once, and runs groups of rows on its threads.

    ONNX Runtime's library and the native sessions are loaded on threads, which need no Python most of
    the time, while the caller imports the pipeline's module and numpy and reads the tokenizer. So this
    module and those that it imports leave numpy and tokenizers alone.

    Args:
        options: the options of the session.
        library: the loading of ONNX Runtime's library, where that has begun.

    Attributes:
        options: the options of the session.
        library: the ONNX Runtime in use.
        providers: the execution providers, as ONNX Runtime names them, and their settings.

    Each but `options` waits for the library at its first use, and raises what `wait` raises.
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

        Raises RuntimeLibraryError where it cannot be, ProviderError or InputError for providers that
        are not there.
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
        """The worker threads of all models that run so many groups at once."""
        with self._lock:
            if workers not in self._executors:
                self._executors[workers] = Executor(workers)
            return self._executors[workers]

    def start_loading(self, bundle: ModelBundle) -> None:
        """Begin to load a bundle's model, unless it is loaded or being loaded; `load_model` waits."""
        with self._lock:
            if _key(bundle) not in self._models:
                self._begin(bundle)

    def load_model(self, bundle: ModelBundle) -> LoadedModel:
        """The loaded model of a bundle, from the cache where its file was loaded before."""
        key = _key(bundle)
        with self._lock:
            if key in self._models:
                return self._models[key]
            loading = self._begin(bundle)
        try:
            from hugot.runtime.model import LoadedModel

            # Read while the thread loads the model, so that no request has to.
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
        """Wait for a loading that was begun and for which nobody asks any more, and drop it."""
        with self._lock:
            loading = self._loading.pop(_key(bundle), None)
        if loading is not None:
            loading.wait()

    def tokenizers_of(self, bundle: ModelBundle) -> LoadTokenizer:
        """Return what makes the tokenizers of a bundle, each once for all pipelines of the session."""
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
        """The optimised file of a bundle, its source's hash compared; None where there is none.

        Raises `hugot.models.sidecar.IncompatibleError` that says why the one that is there is not used.
        """
        from hugot.models.optimized import load_optimized

        return load_optimized(
            bundle.onnx_path, self.library, self.session_options(1), self.providers, verify=True
        )

    def session_options(self, threads: int) -> SessionOptions:
        """The options of a native session with so many threads within a run."""
        return native_options(self.options, threads)

    def end_profiling(self) -> list[str]:
        """Write the profiles of all native sessions to their ends; gives the files' paths."""
        with self._lock:
            profiled, self._profiled = self._profiled, []
        return [path for session in profiled if (path := session.end_profiling())]

    def close(self) -> None:
        """End the threads and let go of the models; no call may be under way."""
        if paths := self.end_profiling():
            log_profiles(paths)
        for executor in self._executors.values():
            executor.close()
        with self._lock:
            self._executors.clear()
            self._models.clear()
            self._tokenizers = None

    def _settle(self) -> tuple[Library, Providers]:
        """Wait for the library, and find the providers in it, once."""
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
        """The thread that loads a bundle's model, begun now if there is none. Call it locked."""
        key = _key(bundle)
        if key not in self._loading:
            # A graph that is to be written is optimised anew.
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
        # Of two sessions this is the one that lone texts run in; the other is made when it is needed.
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
    """Whether a model's result for a row depends on what shares its batch, as with dynamic quantization.

    A file that cannot be read is taken to be such a model.
    """
    try:
        return any(name.startswith(_BATCH_DEPENDENT) for name in op_types(path))
    except (ModelFormatError, OSError):
        return True


def _key(bundle: ModelBundle) -> str:
    return str(bundle.onnx_path.resolve())
