"""The pages that are derived: all of them are written, and say what must be said. Sphinx is not needed for it."""

import re

import pytest

import thalweg
from docs.book import optimizer_page, reference, site
from docs.book.docstring import parts, said
from docs.book.options import options_table, own_options
from docs.book.sizes import sizes_table, states
from thalweg import Optimizer
from thalweg.hyper import NonNegative
from thalweg.tools.showing.meanings import meaning
from thalweg.tools.showing.own_meanings import OF_A_RULE
from thalweg.tools.showing.shared_meanings import SHARED


@pytest.fixture(scope="module")
def pages():
    return site.derived(lambda cls: f"<div>{cls.__name__}</div>")


def test_every_public_name_has_a_page(pages):
    public = {name: getattr(thalweg, name) for name in thalweg.__all__}
    classes = {name for name, value in public.items() if isinstance(value, type) and issubclass(value, Optimizer)}
    for name in classes - {"Optimizer"}:
        text = pages[f"optimizers/{optimizer_page.file_name(public[name])}.md"]
        assert text.startswith(f"# {public[name].__name__}\n")
        assert name == public[name].__name__ or f"`{name}`" in text
    modules = {*reference.TORCHS, *reference.modules()}
    assert {*classes, *modules, *reference.functions(), *reference.PAGES_OF_THEIR_OWN} == public.keys()
    for name in reference.functions():
        assert f"## `{name}`" in pages["reference/functions.md"]
    for name in modules:
        assert f"- `thalweg.{name}`: " in pages["reference/functions.md"]


def test_every_word_and_range_is_in_the_reference(pages):
    for name in thalweg.formula.__all__:
        assert re.search(rf"\| `{name}[(`]", pages["reference/words.md"]), name
    assert {"NonNegative", "Betas", "Count", "Positive"} <= reference.ranges().keys()


def test_calls_are_written_as_one_would_type_them():
    """Sphinx stops at code that is none, such as `<class 'AdamW'>`."""
    calls = re.findall(r"```py\n(.*?)\n```", reference.functions_page() + reference.optimizer_page(), re.DOTALL)
    assert len(calls) > 10
    assert not [call for call in calls if "<" in call]


def test_no_two_optimizers_have_one_file():
    classes = optimizer_page.catalogue()
    assert len({optimizer_page.file_name(cls) for cls in classes}) == len(classes) > 60


def test_every_option_has_a_meaning():
    missing = [
        (cls.__name__, name) for cls in optimizer_page.catalogue() for name in cls.options if not meaning(cls, name)
    ]
    assert not missing, "add rows to OF_A_RULE of thalweg/tools/showing/own_meanings.py"


def test_a_meaning_is_that_of_an_option_of_the_rule():
    options = {parent.__name__: cls.options for cls in optimizer_page.catalogue() for parent in reversed(cls.__mro__)}
    named = [key.split(".") for key in OF_A_RULE]
    assert not [(rule, name) for rule, name in named if rule in options and name not in options[rule]]
    assert {"lr", "betas", "eps"} <= SHARED.keys()


def test_an_option_without_a_meaning_stops_the_book():
    class Mine(Optimizer):
        """Mine.

        `told` is told here; all else is not.
        """

        told: NonNegative = 1
        untold: NonNegative = 1

        def update(self, param, grad):
            return param - self.told * self.untold * grad

    assert meaning(Mine, "told") == "told here"
    with pytest.raises(ValueError, match=r"Mine\.untold has no meaning: add a row"):
        options_table(Mine, own_options(Mine))


def test_a_page_says_what_the_class_is(pages):
    text = pages["optimizers/adam-w.md"]
    for heading in ("The formula", "Where it comes from", "Options", "What it keeps", "What runs it", "Measured"):
        assert f"\n## {heading}\n" in text
    assert "| `betas` | `(0.9, 0.999)` | two numbers, each in \\[0, 1) |" in text
    assert "| float32 | `state_dtype='8bit'` | 4 | 0 | 2.03 | 6.03 |" in text
    assert (
        "A compiled kernel on the CPU, in one pass over memory, and the same bits from a Triton kernel on a GPU."
        in text
    )
    assert "(https://arxiv.org/abs/1711.05101)" in text


def test_sizes_are_those_that_the_optimizer_counts():
    assert states(thalweg.Lion) == ["exp_avg"]
    assert "| float32 |  | 4 | 0 | 4 | 8 |" in sizes_table(thalweg.Lion)
    assert states(thalweg.SinkGD) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SparseAdam", "The eager engine (torch's own operations), which looks"),
        ("Adafactor", "With states in 8 or 4 bits, the eager engine"),
        ("Muon", "torch's"),
    ],
)
def test_engines_are_told_as_they_are(pages, name, said):
    assert said in pages[f"optimizers/{optimizer_page.file_name(getattr(thalweg, name))}.md"]


def test_links_of_pages_in_the_root_lead_to_where_they_are_on_the_site():
    text = "[a](docs/precision.md#x) [b](CONTRIBUTING.md) [c](examples/closure.py) ![d](docs/a.png) [e](https://x.org/docs/)"
    assert (
        site.moved(text)
        == "[a](precision.md#x) [b](contributing.md) [c](examples.md) ![d](a.png) [e](https://x.org/docs/)"
    )


def test_advice_on_tuning_is_a_sentence_whose_options_are_code():
    assert parts(thalweg.Adam).tuning.startswith("Take `lr` between 1e-4 and 1e-2, larger for larger batches")
    assert "with decay, set `decoupled_weight_decay=True`, since" in parts(thalweg.SignSGD).tuning
    assert parts(thalweg.Yogi).tuning == "Tune it like Adam, `lr` about 10 times larger and `eps` 1e-3."
    assert parts(thalweg.NewtonCG).tuning == "There is nothing to tune."
    assert parts(thalweg.Adagrad).tuning.startswith("Take an `lr` about 10 times Adam's")
    assert parts(thalweg.LAMB).tuning.startswith("`lr` grows with the root")


def test_a_docstring_becomes_paragraphs_in_which_code_stays_as_it_is():
    """An address, `Tune:` and `Raises` part paragraphs; a mark of Markdown within code is no mark."""
    written = said(thalweg.find_lr.__doc__)
    assert "```py\nfound = thalweg.find_lr(model, optimizer, batches" in written
    assert "(https://arxiv.org/abs/2102.11600)\n\nThe half axes" in said(thalweg.ASAM.__doc__)
    assert "\n\nTake `rho` 0.5 to 2, some ten times SAM's." in said(thalweg.ASAM.__doc__, ("rho",))


def test_methods_without_a_formula_have_no_options_around_it(pages):
    assert optimizer_page.AROUND in pages["optimizers/adam.md"]
    assert optimizer_page.AROUND not in pages["optimizers/lbfgs.md"]
