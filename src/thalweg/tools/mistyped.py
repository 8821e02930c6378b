"""What is mistyped on the command line is told in one sentence, as every other mistake is."""

import sys
from typing import Any, cast

import typer
from typer.core import TyperGroup

Mistyped = cast(type[Exception], typer.BadParameter.__bases__[0])
"""What is raised for a word that cannot be read; typer gives a name only to one kind of it."""


class OneSentence(TyperGroup):
    """Commands whose words are read before anything is done."""

    def main(self, *arguments: Any, **named: Any) -> Any:
        """Run a command, and leave with its exit code, which is 2 if a word cannot be read."""
        try:
            code = super().main(*arguments, **named | {"standalone_mode": False})
        except Mistyped as error:
            typer.echo(f"Error: {sentence(error)}", err=True)
            sys.exit(2)
        sys.exit(code)


def sentence(error: Any) -> str:
    """Say what is wrong, and what shows what can be written."""
    said = error.format_message().rstrip(".").replace(". Did", ": did")
    command = error.ctx.command_path if error.ctx else "thalweg"
    return f"{said[0].lower()}{said[1:]}{'' if said.endswith('?') else f': see {command} --help'}"
