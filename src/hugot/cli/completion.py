"""``hugot completion``: what makes a shell complete the command's flags."""

from __future__ import annotations

import click

_EXAMPLES = {
    "bash": 'eval "$(hugot completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(hugot completion zsh)"    # in ~/.zshrc, behind compinit',
    "fish": "hugot completion fish > ~/.config/fish/completions/hugot.fish",
}


@click.command(epilog="\b\n" + "\n".join(_EXAMPLES.values()))
@click.argument("shell", type=click.Choice(list(_EXAMPLES)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes commands, flags and their values."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "hugot", "_HUGOT_COMPLETE").source())
