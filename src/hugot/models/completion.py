"""Having a snapshot in the hub's cache completed, where it may lack files that a pipeline reads."""

from __future__ import annotations

import logging
from glob import escape
from typing import TYPE_CHECKING

from hugot.errors import DownloadError
from hugot.models.cache import Snapshot, is_offline
from hugot.models.log import debug
from hugot.models.parts import module_files, needed_files, refuse_escaping
from hugot.models.promises import explain, fetch_promises

if TYPE_CHECKING:
    from pathlib import Path


def complete(name: str, snapshot: Snapshot) -> None:
    """Ask the hub once which of the unknown files there are; download those, and note the others.

    They are noted as huggingface_hub notes them, so that the next time nobody asks. Where the hub
    cannot be asked, the snapshot is used as it is, and a warning says so.
    """
    logger = logging.getLogger("hugot.models")
    if is_offline():
        logger.warning(_WARNING, name, ", ".join(snapshot.unknown), "HF_HUB_OFFLINE is set")
        return
    try:
        existing = _fetch(name, snapshot)
    except DownloadError as error:
        logger.warning(_WARNING, name, ", ".join(snapshot.unknown), error)
        return
    absent = snapshot.folder.parent.parent / ".no_exist" / snapshot.commit
    for file in set(snapshot.unknown) - existing:
        _note_absent(absent / file)


_WARNING = (
    "%s is used from the hub's cache without %s, which the repository may have: the hub was not asked "
    "(%s). If it is a sentence-transformers model, its vectors may be others"
)


def _fetch(name: str, snapshot: Snapshot) -> set[str]:
    """Download what is needed and missing into the cache; gives the names of all files of the commit."""
    from huggingface_hub import snapshot_download

    from hugot.models.staging import terminal_bar

    files = set(fetch_promises(name, snapshot.commit, None).files)
    wanted = {*needed_files(files, snapshot.graph)}
    for names in (wanted, set()):
        names |= {*module_files(snapshot.folder / "modules.json")} & files
        missing = [file for file in names if not (snapshot.folder / file).is_file()]
        if not missing:
            continue
        refuse_escaping(missing, name)
        debug("%s: the hub's cache lacks %s", name, ", ".join(sorted(missing)))
        try:
            snapshot_download(
                name,
                revision=snapshot.commit,
                cache_dir=snapshot.folder.parent.parent.parent,
                allow_patterns=[escape(file) for file in missing],
                tqdm_class=terminal_bar(),
            )
        except Exception as error:  # huggingface_hub and its HTTP client raise many kinds
            raise explain(name, snapshot.commit, error) from error
    return files


def _note_absent(marker: Path) -> None:
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError as error:  # a cache that is read-only is asked about each time
        debug("%s cannot be written: %s", marker, error)
