"""The small commands: ``hugot completion``, ``download``, ``optimize``, ``providers``, ``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hugot.cli.options import library_option, model_options
from hugot.cli.path_types import ModelType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hugot.runtime.available import AvailableProviders

_COMPLETIONS = {
    "bash": 'eval "$(hugot completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(hugot completion zsh)"    # in ~/.zshrc, behind compinit',
    "fish": "hugot completion fish > ~/.config/fish/completions/hugot.fish",
}


@click.command(epilog="\b\n" + "\n".join(_COMPLETIONS.values()))
@click.argument("shell", type=click.Choice(list(_COMPLETIONS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes commands, flags and their values."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "hugot", "_HUGOT_COMPLETE").source())


@click.command()
@click.argument("name", metavar="NAME")
@model_options
@click.option("--force", is_flag=True, help="Download all files again.")
def download(
    name: str,
    model_folder: str | None,
    onnx_file: str | None,
    variant: str | None,
    revision: str | None,
    force: bool,
) -> None:
    """Download the files that a pipeline needs of the model NAME (organisation/name); print its folder.

    Files that are there already are not downloaded again, and an interrupted download goes on. For a
    private model, set HF_TOKEN or log in with 'hf auth login'.
    """
    from hugot.models.download import download_model

    folder = download_model(
        name,
        model_folder,
        revision=revision,
        onnx_file=onnx_file,
        variant=variant,
        force=force,
    )
    click.echo(folder)


@click.command()
@click.argument("model", type=ModelType(), metavar="MODEL")
@click.option(
    "--check", is_flag=True, help="Write nothing; say whether the optimised file is used."
)
@model_options
@library_option
def optimize(
    model: str,
    check: bool,
    model_folder: str | None,
    onnx_file: str | None,
    variant: str | None,
    revision: str | None,
    library: str | None,
) -> None:
    """Write the optimised graph of MODEL beside its .onnx file, for faster starts.

    MODEL is a model folder, an .onnx file or a hub name. The file fits this ONNX Runtime and this kind
    of CPU; everywhere else, and once the .onnx file has changed, it is not used. With --check the exit
    code is 0 if the file is used and 1 if it is not.
    """
    from hugot.models.find import open_model
    from hugot.models.sidecar import IncompatibleError
    from hugot.session import Session, engine_of

    with Session(onnxruntime_library=library) as session:
        bundle = open_model(
            model, model_folder, onnx_file=onnx_file, variant=variant, revision=revision
        )
        source = _with_size(bundle.onnx_path)
        if not check:
            click.echo(f"{_with_size(engine_of(session).optimize(bundle).path)} from {source}")
            return
        try:
            found = engine_of(session).check_optimized(bundle)
        except IncompatibleError as error:
            message = f"the optimised file of {source} is not used: {error}"
            raise click.ClickException(message) from None
        if found is None:
            raise click.ClickException(f"{source} has no optimised file")
        how = "mapped" if found.mapped else "read into memory, since others can write to it"
        click.echo(f"{_with_size(found.path)} is used, {how}")


def _with_size(path: Path) -> str:
    return f"{path} ({path.stat().st_size / 1e6:.1f} MB)"


@click.command()
@library_option
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="NAME=PATH",
    help="A shared library that brings providers; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def providers(library: str | None, plugins: tuple[str, ...], as_json: bool) -> None:
    """Show the ONNX Runtime in use, its execution providers, plugins and devices."""
    from hugot.runtime.available import available_providers

    named = {}
    for each in plugins:
        name, found, path = each.partition("=")
        if not (name and found and path):
            raise click.BadParameter(f"{each!r} is not NAME=PATH", param_hint="--plugin")
        named[name] = path
    available = available_providers(library, plugins=named)
    if as_json:
        import json

        click.echo(json.dumps(available.as_dict(), indent=2))
    else:
        click.echo("\n".join(_provider_lines(available)))


def _provider_lines(available: AvailableProviders) -> Iterator[str]:
    yield f"ONNX Runtime {available.version} (API {available.api_version})"
    yield f"  {available.path}"
    yield "Built-in providers"
    width = max(map(len, available.built_in))
    yield from (f"  {short:{width}}  {name}" for short, name in available.built_in.items())
    yield "Plugins" if available.plugins else "Plugins: none"
    for plugin in available.plugins:
        brought = ", ".join(plugin.providers) or "no device on this machine"
        yield f"  {plugin.name}: {plugin.error or brought}"
        yield f"    {plugin.path}"
    yield "Devices" if available.devices else "Devices: not listed by this ONNX Runtime"
    for device in available.devices:
        yield f"  {device.device_type}  {device.provider}  {device.vendor}".rstrip()


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
@click.option("--onnx-file", help="The .onnx file to load, if the model has several.")
def verify(
    folder: Path, revision: str | None, record: bool, load: bool, onnx_file: str | None
) -> None:
    """Check every file of the model in FOLDER against the sizes and hashes in its hugot.json.

    The exit code is 0 if all is as recorded, and 1 if a file is missing, damaged or not recorded. A
    folder in the hub's own cache is checked against the hashes in the cache's file names.

    With --load, a model that crashes, hangs or exhausts the memory of the process fails as well.
    """
    from hugot.io.progress import counted
    from hugot.models.manifest import record_folder, verify_model

    if record:
        manifest = record_folder(folder)
        click.echo(f"{folder}: {counted(len(manifest.files), 'file')} recorded")
    else:
        click.echo(f"{folder}: {verify_model(folder, revision=revision)}")
    if load:
        from hugot.models.bundle import open_bundle
        from hugot.models.load_check import load_in_subprocess

        bundle = open_bundle(folder, onnx_file)
        load_in_subprocess(bundle)
        click.echo(f"{bundle.onnx_path}: loads and runs")
