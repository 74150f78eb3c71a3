"""``hugot optimize``: write the file that makes a model load fast."""

from __future__ import annotations

import click

from hugot.cli.model_choice import model_choice
from hugot.cli.options import model_options


@click.command()
@click.argument("model")
@click.option("--check", is_flag=True, help="Write nothing; say whether the file there is used.")
@model_options
@model_choice
def optimize(
    model: str,
    check: bool,
    onnx_file: str | None,
    model_folder: str | None,
    library: str | None,
    variant: str | None,
    revision: str | None,
) -> None:
    """Write the optimised graph of MODEL beside its .onnx file, for faster starts.

    MODEL is a model folder, an .onnx file or a hub name. The file fits this ONNX Runtime and this kind
    of CPU; everywhere else, and once the .onnx file is another, it is left aside. With --check the exit
    code is 0 where the file is used and 1 where it is not.
    """
    from hugot.models.find import open_model
    from hugot.models.sidecar import IncompatibleError
    from hugot.session import Session

    with Session(onnxruntime_library=library) as session:
        bundle = open_model(
            model, model_folder, onnx_file=onnx_file, variant=variant, revision=revision
        )
        source = f"{bundle.onnx_path} ({_megabytes(bundle.onnx_path.stat().st_size)})"
        if not check:
            made = session.engine.optimize(bundle)
            click.echo(f"{made.path} ({_megabytes(made.path.stat().st_size)}) from {source}")
            return
        try:
            found = session.engine.check_optimized(bundle)
        except IncompatibleError as error:
            raise click.ClickException(
                f"the optimised file of {source} is not used: {error}"
            ) from None
        if found is None:
            raise click.ClickException(f"{source} has no optimised file")
        how = "mapped" if found.mapped else "read into memory, since others can write to it"
        click.echo(f"{found.path} ({_megabytes(found.path.stat().st_size)}) is used, {how}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
