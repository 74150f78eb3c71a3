"""``hugot providers``: which ONNX Runtime is used, and what it can run models on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hugot.runtime.available import AvailableProviders


@click.command()
@click.option(
    "-s",
    "--onnxruntimeSharedLibrary",
    "--onnxruntime-shared-library",
    "library",
    type=click.Path(),
    help="ONNX Runtime library to use.  [default: the one found]",
)
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
    there = available_providers(library, plugins=named)
    if as_json:
        import json

        click.echo(json.dumps(there.as_dict(), indent=2))
    else:
        click.echo("\n".join(_lines(there)))


def _lines(there: AvailableProviders) -> Iterator[str]:
    yield f"ONNX Runtime {there.version} (API {there.api_version})"
    yield f"  {there.path}"
    yield "Built-in providers"
    width = max(map(len, there.built_in))
    yield from (f"  {short:{width}}  {name}" for short, name in there.built_in.items())
    yield "Plugins" if there.plugins else "Plugins: none"
    for plugin in there.plugins:
        brought = ", ".join(plugin.providers) or "no device on this machine"
        yield f"  {plugin.name}: {plugin.error or brought}"
        yield f"    {plugin.path}"
    yield "Devices" if there.devices else "Devices: not listed by this ONNX Runtime"
    for device in there.devices:
        yield f"  {device.device_type}  {device.provider}  {device.vendor}".rstrip()
