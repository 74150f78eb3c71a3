"""What the hub promises of a repository: its commit, and size and hash of each file; its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hugot.errors import DownloadError
from hugot.models.cache import is_offline
from hugot.models.files import file_sha256, git_blob_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_OFFLINE = "HF_HUB_OFFLINE is set, and this machine has no copy that would do"
_TOKEN_HINT = "give a token with HF_TOKEN, 'hf auth login' or token="


class Promise(NamedTuple):
    """A file's size in bytes and its hash, as far as the hub tells them.

    Attributes:
        size: bytes.
        sha256: hash of a large file's content.
        blob_id: git's hash of a small file's content; None where `sha256` is known.
    """

    size: int | None
    sha256: str | None
    blob_id: str | None


class Promises(NamedTuple):
    """A commit of a repository."""

    commit: str
    files: Mapping[str, Promise]

    @property
    def sizes(self) -> dict[str, int | None]:
        """Name → size of every file."""
        return {name: promise.size for name, promise in self.files.items()}

    def broken(self, folder: Path, names: Iterable[str]) -> dict[str, str]:
        """The files in a folder that are not what was promised, and how."""
        found = {}
        for name in names:
            if damage := _damage(folder / name, self.files[name]):
                found[name] = f"{name} {damage}"
        return found


def fetch_promises(name: str, revision: str | None, token: str | None) -> Promises:
    """Ask the hub what a revision of a repository holds.

    Raises DownloadError where the hub does not tell.
    """
    from huggingface_hub import HfApi

    try:
        info = HfApi(token=token).model_info(name, revision=revision, files_metadata=True)
    except Exception as error:  # huggingface_hub and its HTTP client raise many kinds
        raise explain(name, revision, error) from error
    if not info.sha:
        raise DownloadError(f"{name}: the hub tells no commit")
    return Promises(info.sha, {each.rfilename: _promise(each) for each in info.siblings or ()})


def refuse_offline(name: str) -> None:
    """Raise DownloadError where the user has forbidden calls to the hub."""
    if is_offline():
        raise DownloadError(f"{name}: {_OFFLINE}")


def explain(name: str, revision: str | None, error: BaseException) -> DownloadError:
    """The error of a download, by what the hub or the network said first."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    kinds = {type(each).__name__ for each in chain}
    statuses = [getattr(getattr(each, "response", None), "status_code", None) for each in chain]
    status = next((each for each in statuses if isinstance(each, int)), None)
    return DownloadError(f"{name}: {_reason(kinds, status, revision, error)}")


def _reason(kinds: set[str], status: int | None, revision: str | None, error: BaseException) -> str:
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))
    if "OfflineModeIsEnabled" in kinds:
        return _OFFLINE
    if "GatedRepoError" in kinds or status == 403:
        return (
            f"the hub restricts access to it ({first}); accept its terms there, and {_TOKEN_HINT}"
        )
    if "RevisionNotFoundError" in kinds:
        return f"the hub has no revision {revision!r} of it"
    if "RepositoryNotFoundError" in kinds or status in (401, 404):
        return f"the hub has no such model, or it is private ({first}); if so, {_TOKEN_HINT}"
    if status == 429:
        return f"the hub asks to wait, after too many requests ({first})"
    if status is not None and status >= 500:
        return f"the hub is out of order ({first}); try again later"
    return first


def _promise(sibling: Any) -> Promise:
    lfs = sibling.lfs
    sha256 = lfs.get("sha256") if isinstance(lfs, dict) else getattr(lfs, "sha256", None)
    return Promise(sibling.size, sha256, None if sha256 else sibling.blob_id)


def _damage(path: Path, promise: Promise) -> str | None:
    if path.is_symlink() or not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if promise.size is not None and size != promise.size:
        return f"has {size} bytes, not {promise.size}"
    if promise.sha256 is not None and file_sha256(path) != promise.sha256:
        return "has another content"
    if promise.blob_id is not None and git_blob_id(path) != promise.blob_id:
        return "has another content"
    return None
