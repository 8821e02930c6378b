"""The command ``thalweg``, also ``python -m thalweg``."""

import sys

EXTRA = {"typer", "rich", "matplotlib", "sklearn"}


def main() -> None:
    """Run the command line, or say how to install what it needs."""
    try:
        from .tools.commands import app

        app(prog_name="thalweg")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in EXTRA:
            raise
        sys.exit(f'The command line needs {error.name}: pip install "thalweg[tools]"')


if __name__ == "__main__":
    main()
