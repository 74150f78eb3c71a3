"""``hugot verify``: whether a model folder holds the bytes that it should."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--revision", help="Branch, tag or commit that it must be.")
@click.option(
    "--record",
    is_flag=True,
    help="Write hugot.json from the files as they are, for a folder without one.",
)
def verify(folder: Path, revision: str | None, record: bool) -> None:
    """Check every file of the model in FOLDER against the sizes and hashes in its hugot.json.

    The exit code is 0 where all is as recorded, and 1 where a file is missing, damaged or not recorded.
    A folder in the hub's own cache is checked against the names that the cache gives to its files.
    """
    from hugot.models.manifest import record_folder
    from hugot.models.verify import verify_model

    if record:
        manifest = record_folder(folder)
        click.echo(f"{folder}: {len(manifest.files)} files recorded")
        return
    click.echo(f"{folder}: {verify_model(folder, revision=revision)}")
