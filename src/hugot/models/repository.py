"""A model's repository on the hub: which files a pipeline needs, and what the hub reports of them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from hugot.errors import DownloadError, HugotError, ModelFormatError, ModelNotFoundError
from hugot.models.files import file_sha256, git_blob_id
from hugot.models.graph import external_files
from hugot.models.modules import list_modules, module_kind, transformer_path
from hugot.models.variants import TOKENIZER_HINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from huggingface_hub.hf_api import RepoSibling

# The files that pipelines read beside the graph and its weights, wherever the graph lies.
CONFIGURATION_FILES = (
    "1_Pooling/config.json",
    "config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
_PATTERNS = (
    *CONFIGURATION_FILES,
    "sentence_*_config.json",
    "*_Dense/config.json",
    "*_Dense/model.safetensors",
    "*_Pooling/config.json",
    "chat_template.jinja",
)
# Files of the modules of sentence-transformers, in their folders; those of a Transformer that has a
# folder of its own are those of a model.
_MODULE_FILES = {
    "Dense": ("config.json", "model.safetensors"),
    "LayerNorm": ("config.json", "model.safetensors"),
    "Pooling": ("config.json",),
    "Transformer": (
        "config.json",
        "sentence_bert_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ),
}
# Files that few modules of a kind have.
_RARE_FILES = {
    "Normalize": ("config.json",),
    "Transformer": (
        "chat_template.jinja",
        "sentence_roberta_config.json",
        "sentence_distilbert_config.json",
        "sentence_camembert_config.json",
        "sentence_albert_config.json",
        "sentence_xlm-roberta_config.json",
        "sentence_xlnet_config.json",
    ),
}

OFFLINE = "HF_HUB_OFFLINE is set, and this machine has no copy that would do"
_TOKEN_HINT = "give a token with HF_TOKEN, 'hf auth login' or token="


def check_tokenizer(files: Iterable[str], where: str, inner: str = "") -> None:
    """Raise ModelNotFoundError if the files, and those in the folder `inner`, have no tokenizer.json."""
    if not {"tokenizer.json", f"{inner}/tokenizer.json"}.intersection(files):
        raise ModelNotFoundError(
            f"{where} has no tokenizer.json, without which text cannot be tokenized. {TOKENIZER_HINT}"
        )


def needed_files(files: Iterable[str], graph: str) -> list[str]:
    """Return the files of a repository to download, judged by their names.

    External data of a graph usually lies beside it, as ``model.onnx_data``, ``model.onnx.data`` or
    ``model.onnx_data_1``; `external_data_of` reads the names from the graph.
    """
    return [name for name in files if is_needed(name, [graph])]


def is_needed(name: str, graphs: Iterable[str]) -> bool:
    """Whether a pipeline on one of the graphs reads a file, judged by its name."""
    return name.startswith(tuple(graphs)) or any(
        fnmatchcase(name, pattern) for pattern in _PATTERNS
    )


def module_files(modules_json: Path, *, rare: bool = True) -> list[str]:
    """Return the files of the sentence-transformers modules in ``modules.json``, existing or not.

    Args:
        modules_json: the file, which need not exist.
        rare: whether files are included that few modules have.
    """
    modules = _list_modules(modules_json)
    found = []
    for module in modules or []:
        kind = module_kind(module)
        path = str(module.get("path", "")).strip("/")
        if kind == "Transformer" and not path:
            continue  # its files are those of the model
        names = [*_MODULE_FILES.get(kind, ()), *(_RARE_FILES.get(kind, ()) if rare else ())]
        found += [f"{path}/{name}" if path else name for name in names]
    return found


def transformer_folder_of(modules_json: Path) -> str:
    """Return the folder of the Transformer module in ``modules.json``; ``""`` for the model's own."""
    return transformer_path(_list_modules(modules_json))


def _list_modules(modules_json: Path) -> list[dict[str, Any]] | None:
    try:
        return list_modules(modules_json.parent)
    except ModelFormatError:
        return None  # the pipeline raises it again


def external_data_of(folder: Path, graph: str) -> list[str]:
    """Return the files, by name from `folder`, that hold external data of a graph in it."""
    parent = graph[: graph.rfind("/") + 1]
    return [parent + location for location in sorted(external_files(folder / graph))]


def check_file_names(
    names: Iterable[str], where: str, kind: type[HugotError] = DownloadError
) -> None:
    """Raise an error for a name that leads out of the folder that the file is put into.

    A name is checked by the rules of every system, since a folder may be copied to another one.
    """
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if not all(parts) or {".", ".."} & set(parts) or ":" in name or not name.isprintable():
            raise kind(f"{where} has a file {name!r}, whose name leads out of the model's folder")


class RemoteFile(NamedTuple):
    """Size and hash of a file on the hub; None for those that the hub does not report.

    Attributes:
        size: bytes.
        sha256: hash of the content of a large file.
        blob_id: git's hash of the content of a small file; None if `sha256` is known.
    """

    size: int | None
    sha256: str | None
    blob_id: str | None

    def mismatch(self, path: Path) -> str | None:
        """Return how a downloaded file differs from this one, or None if it does not."""
        if path.is_symlink() or not path.is_file():
            return "is missing"
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"has {size} bytes, not {self.size}"
        if self.sha256 is not None and file_sha256(path) != self.sha256:
            return "has another content"
        if self.blob_id is not None and git_blob_id(path) != self.blob_id:
            return "has another content"
        return None


class RepositoryInfo(NamedTuple):
    """A commit of a repository, and the files in it."""

    commit: str
    files: Mapping[str, RemoteFile]

    @property
    def sizes(self) -> dict[str, int | None]:
        """Name → size of every file."""
        return {name: file.size for name, file in self.files.items()}

    def mismatches(self, folder: Path, names: Iterable[str]) -> dict[str, str]:
        """Return the downloaded files in a folder that differ from the repository's, and how."""
        found = {name: self.files[name].mismatch(folder / name) for name in names}
        return {name: f"{name} {how}" for name, how in found.items() if how is not None}


def fetch_repository_info(name: str, revision: str | None, token: str | None) -> RepositoryInfo:
    """Ask the hub for the commit and the files of a revision of a repository.

    Raises DownloadError if the hub does not answer with them.
    """
    from huggingface_hub import HfApi

    try:
        info = HfApi(token=token).model_info(name, revision=revision, files_metadata=True)
    except Exception as error:  # huggingface_hub and its HTTP client raise many kinds
        raise download_error(name, revision, error) from error
    if not info.sha:
        raise DownloadError(f"{name}: the hub tells no commit")
    files = {sibling.rfilename: _remote_file(sibling) for sibling in info.siblings or ()}
    return RepositoryInfo(info.sha, files)


def _remote_file(sibling: RepoSibling) -> RemoteFile:
    sha256 = sibling.lfs.sha256 if sibling.lfs is not None else None
    return RemoteFile(sibling.size, sha256, None if sha256 else sibling.blob_id)


def download_error(name: str, revision: str | None, error: BaseException) -> DownloadError:
    """Return the error of a download with its reason, from an exception of huggingface_hub."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return DownloadError(f"{name}: {_reason(chain, revision)}")


def _reason(chain: list[BaseException], revision: str | None) -> str:
    """Why a download failed, by an exception and those that caused it."""
    from huggingface_hub import errors

    def caused_by(kind: type[BaseException]) -> bool:
        return any(isinstance(each, kind) for each in chain)

    statuses = (getattr(getattr(each, "response", None), "status_code", None) for each in chain)
    status = next((each for each in statuses if isinstance(each, int)), None)
    lines = (line.strip() for line in str(chain[0]).splitlines())
    first = next((line for line in lines if line), repr(chain[0]))
    if caused_by(errors.OfflineModeIsEnabled):
        return OFFLINE
    if caused_by(errors.GatedRepoError) or status == 403:
        return (
            f"the hub restricts access to it ({first}); accept its terms there, and {_TOKEN_HINT}"
        )
    if caused_by(errors.RevisionNotFoundError):
        return f"the hub has no revision {revision!r} of it"
    if caused_by(errors.RepositoryNotFoundError) or status in (401, 404):
        return f"the hub has no such model, or it is private ({first}); if so, {_TOKEN_HINT}"
    if status == 429:
        return f"the hub asks to wait, after too many requests ({first})"
    if status is not None and status >= 500:
        return f"the hub is out of order ({first}); try again later"
    return first
