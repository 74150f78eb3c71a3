"""``hugot download``: a model from the hub, for use without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hugot.cli.model_choice import model_choice
from hugot.cli.options import model_folder_option, onnx_file_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("name", metavar="NAME")
@model_folder_option
@onnx_file_option
@model_choice
@click.option("--force", is_flag=True, help="Download again what is there already.")
def download(
    name: str,
    model_folder: str | None,
    onnx_file: str | None,
    variant: str | None,
    revision: str | None,
    force: bool,
) -> None:
    """Download what a pipeline needs of the model NAME (organisation/name) and print its folder.

    What is there already is not downloaded again, and a download that was interrupted goes on. For a
    private model, set HF_TOKEN or log in with 'hf auth login'.
    """
    from hugot.models.download import download_model

    folder: Path = download_model(
        name,
        model_folder,
        revision=revision,
        onnx_file=onnx_file,
        variant=variant,
        force=force,
    )
    click.echo(folder)
