"""The command line: compare, list, show."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ..described import counted
from ..formula.graph.mistakes import IN_A_FORMULA
from ..optimizer import registry
from ..optimizers.closure import ClosureOptimizer
from .comparison.choose import OURS, Choice, choose, grid, needs_labels, read_choice
from .comparison.versions import versions
from .mistyped import OneSentence
from .writing import writing

if TYPE_CHECKING:
    from .comparison.compare import Run
    from .tasks import Data, Task

THE_EIGHT = "sgd:lr=0.01,momentum=0.9, adadelta, adagrad, adam, AdaMax, asgd:lr=0.1, rprop, rmsprop"

SPELLING = (
    "Names with their options, as adam:lr=0.01,betas=0.9/0.99; what is left out is the optimizer's default. "
    "torch.Adam is torch's own, and 'all' are all of ours that train a net on mini-batches."
)
SWEEP = "Values to put in place of an option, as lr=0.001,0.01,0.1; given twice, in every combination."
ANOTHER_FOLDER = "name another folder with --out"
ELSEWHERE = "send it where there is room"
WRONG_INPUT = TypeError, ValueError, OSError
JOBS = "How many runs at a time, each in a process of its own; the seconds of runs side by side are longer."

app = typer.Typer(
    name="thalweg",
    cls=OneSentence,
    help="Optimizers for PyTorch: see their formulas, compare them at work.",
    epilog="In Python: thalweg.split makes groups of a model's parameters, thalweg.find_lr finds a learning rate.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def print_version(wanted: bool) -> None:
    """Print the versions that matter, and leave."""
    if wanted:
        typer.echo(versions())
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")]


@app.callback(invoke_without_command=True)
def start(context: typer.Context, version: Version = False) -> None:
    """Take the options that stand before a command; without a command, say which there are."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("compare")
def compare_optimizers(
    optimizers: Annotated[str, typer.Option(help=SPELLING)] = THE_EIGHT,
    task: Annotated[
        str, typer.Option("--task", "--data", help="What is learned: digits, text, or my_module:task for your own.")
    ] = "digits",
    epochs: Annotated[int | None, typer.Option(min=1, help="How often each sees the training set.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="How many examples make a step.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=10**9, help="Decides the first weights and the order.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="How many seeds, from that one on.")] = 1,
    sweep: Annotated[list[str] | None, typer.Option(help=SWEEP)] = None,
    jobs: Annotated[int, typer.Option(min=1, max=1024, help=JOBS)] = 1,
    out: Annotated[Path, typer.Option(help="The folder for report, pictures and raw numbers.")] = Path("comparison"),
) -> None:
    """Train a small net, once per optimizer, from the same start: on handwritten digits, text, or a task of your own.

    Ends with a table, a report as a page, a picture of the loss curves, and the raw numbers as CSV. RProp and the
    methods that evaluate the loss again are made for batches of all images: try --optimizers rprop,lbfgs,cg
    --batch-size 1437.
    """
    # Imported here, for the other commands to start without.
    from .comparison.remarks import remarks
    from .comparison.report import FILES, report
    from .tasks.named_tasks import read_task
    from .tasks.task import check_task

    with refusing():
        chosen = read_task(task)
        choices = grid(choose(optimizers), sweep or ())
        check_task(chosen)
        check(choices, chosen)
        out = out.expanduser()
        make_folder(out, FILES)
    epochs, batch_size = epochs or chosen.epochs, batch_size or chosen.batch_size
    data = chosen.data()
    count = len(data[0])  # type: ignore[arg-type]
    runs = run_all(choices, chosen, data, jobs, count, epochs=epochs, batch_size=batch_size, seed=seed, seeds=seeds)
    from_seeds = f"seed {seed}" if seeds == 1 else f"seeds {seed} to {seed + seeds - 1}"
    conditions = f"{type(chosen.net()).__name__}, {counted(epochs, 'epoch')}, batches of {batch_size}, {from_seeds}"
    swept = [each.partition("=")[0] for each in sweep or ()]
    said = list(remarks(runs, batch_size, count))
    with refusing(OSError), writing(f"into the folder {out}", ANOTHER_FOLDER):
        report(runs, conditions, out, title=chosen.title, swept=swept, remarks=said)
    if any(run.error for run in runs):
        raise typer.Exit(1)


def run_all(
    choices: list[Choice],
    task: "Task",
    data: "Data",
    jobs: int,
    count: int,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    seeds: int,
) -> "list[Run]":
    """Train with every choice from every seed, in this process or in several, under moving bars."""
    from .comparison.compare import compare
    from .comparison.live import bars
    from .comparison.parallel import compare_side_by_side

    with bars(choices, epochs * ceil(count / batch_size), seeds) as (watch, ended):
        how: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "seeds": seeds}
        how |= {"watch": watch, "ended": ended}
        if jobs == 1:
            return compare(choices, data, task=task, **how)
        return compare_side_by_side(choices, task.name, jobs=jobs, **how)


@app.command("list")
def list_optimizers(
    names: Annotated[bool, typer.Option("--names", help="List what other libraries call them instead.")] = False,
) -> None:
    """List the optimizers, their ideas, options and defaults; or the names that other libraries have for them."""
    from .showing.catalogue import catalogue
    from .showing.name_tables import table_of_names

    with refusing(OSError), writing("the list", ELSEWHERE):
        Console(highlight=False).print(table_of_names() if names else catalogue(OURS))


@app.command("show")
def show_optimizer(
    name: Annotated[str, typer.Argument(help="Its name and options, as adam:amsgrad=true, or my_module:Mine.")],
    llvm: Annotated[bool, typer.Option("--llvm", help="Print the kernel for float32, as LLVM's text.")] = False,
    asm: Annotated[bool, typer.Option("--asm", help="Print the kernel as this machine's assembly.")] = False,
    triton: Annotated[bool, typer.Option("--triton", help="Print the kernel for GPUs, as Triton's text.")] = False,
    ptx: Annotated[bool, typer.Option("--ptx", help="Print the kernel as assembly for NVIDIA's GPUs.")] = False,
    js: Annotated[bool, typer.Option("--js", help="Print it in JavaScript, with the bits of the kernel.")] = False,
) -> None:
    """Show an optimizer's formula, its states and what a step costs."""
    from .showing.name_tables import sentence_of
    from .showing.show import show

    with refusing():
        choice = read_choice(name)
        if choice.kind not in registry.values():
            raise ValueError(f"{choice.name} has no formula to show: name one that updates number by number, as adam")
        asked = [
            name
            for name, wanted in {"llvm": llvm, "asm": asm, "triton": triton, "ptx": ptx, "js": js}.items()
            if wanted
        ]
        if len(asked) > 1:
            raise ValueError(f"a kernel is printed in one language, but got --{' and --'.join(asked)}: choose one")
        kernel = next(iter(asked), None)
        with writing("the answer", ELSEWHERE):
            if choice.meaning is not None and kernel is None:
                typer.echo(f"{sentence_of(choice.meaning)}\n")
            show(choice.kind, Console(), kernel=kernel, **choice.of_the_rule)


@contextmanager
def refusing(*kinds: type[Exception]) -> Iterator[None]:
    """Say in one sentence what is wrong with the input, and leave with exit code 2."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, kinds or WRONG_INPUT) and not hasattr(error, IN_A_FORMULA):
            raise
        typer.echo(f"Error: {str(error).splitlines()[0]}", err=True)
        raise typer.Exit(2) from None


def check(choices: Iterable[Choice], task: "Task") -> None:
    """Construct each optimizer once, for it to refuse its options before anything is trained."""
    for choice in choices:
        if issubclass(choice.kind, ClosureOptimizer) and choice.kind.takes_residuals:
            raise ValueError(f"{choice.name} squares residuals, and the task {task.name} has a loss: leave it out")
        if needs_labels(choice):
            raise ValueError(
                f"{choice.name} learns curvature from labels that the model draws, which the task {task.name} does not "
                "do: take SophiaH, or leave it out"
            )
        try:
            choice.build(task.net())
        except (TypeError, ValueError) as error:
            raise ValueError(f"{choice} is refused: {error}" if choice.is_torch else str(error)) from error


def make_folder(path: Path, files: Iterable[str]) -> None:
    """Make a folder, unless it is there, and see that files can be written in it, also over older ones."""
    with writing(f"into the folder {path}", ANOTHER_FOLDER):
        path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()
    for older in filter(Path.exists, (path / name for name in files)):
        with writing(older, ANOTHER_FOLDER):
            older.open("ab").close()
