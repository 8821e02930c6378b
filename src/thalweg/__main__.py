"""The command ``thalweg``, also ``python -m thalweg``."""

import sys

EXTRA = {"typer", "rich", "matplotlib", "sklearn"}


def main() -> None:
    """Run the command line, or say how to install what it needs; its version it can tell without."""
    if sys.argv[1:] == ["--version"]:
        print_versions()
        return
    try:
        from .tools.commands import app

        app(prog_name="thalweg")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in EXTRA:
            raise
        print(f'Error: the command line needs {error.name}: pip install "thalweg[tools]"', file=sys.stderr)
        sys.exit(2)


def print_versions() -> None:
    """Print the versions that matter in a report."""
    from .tools.comparison.versions import versions

    print(versions())


if __name__ == "__main__":
    main()
