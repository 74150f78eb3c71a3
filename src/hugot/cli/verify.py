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
@click.option(
    "--load",
    is_flag=True,
    help="Then load the model in a process of its own and run a row of tokens.",
)
@click.option("--onnx-file", help="The .onnx file to load, where the model has several.")
def verify(
    folder: Path, revision: str | None, record: bool, load: bool, onnx_file: str | None
) -> None:
    """Check every file of the model in FOLDER against the sizes and hashes in its hugot.json.

    The exit code is 0 where all is as recorded, and 1 where a file is missing, damaged or not recorded.
    A folder in the hub's own cache is checked against the names that the cache gives to its files.

    With --load, a model that crashes, hangs or exhausts the memory of what loads it fails as well.
    """
    from hugot.models.manifest import record_folder, verify_model

    if record:
        manifest = record_folder(folder)
        click.echo(f"{folder}: {len(manifest.files)} files recorded")
    else:
        click.echo(f"{folder}: {verify_model(folder, revision=revision)}")
    if load:
        from hugot.models.bundle import open_bundle
        from hugot.models.load_check import load_in_subprocess

        bundle = open_bundle(folder, onnx_file)
        load_in_subprocess(bundle)
        click.echo(f"{bundle.onnx_path}: loads and runs")
