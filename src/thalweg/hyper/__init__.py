"""Ranges as types: what a hyper-parameter may be."""

from typing import Annotated, TypeAlias

from torch import Tensor

from .declaration import REQUIRED as REQUIRED
from .declaration import Option as Option
from .declaration import checked_number as checked_number
from .declaration import declared as declared
from .declaration import nearest as nearest
from .flags import check_flags as check_flags
from .flags import is_among as is_among
from .lists import Patterns as Patterns
from .lists import Threes as Threes
from .ranges import SMALLEST as SMALLEST
from .ranges import Fixed as Fixed
from .ranges import OneOf as OneOf
from .ranges import Range as Range
from .ranges import Several as Several
from .ranges import Whole as Whole

Number: TypeAlias = float | Tensor

AnyNumber: TypeAlias = Annotated[Number, Range()]
NonNegative: TypeAlias = Annotated[Number, Range(0)]
NonPositive: TypeAlias = Annotated[Number, Range(high=0)]
Fraction: TypeAlias = Annotated[Number, Range(0, 1)]
Share: TypeAlias = Annotated[Number, Range(0, 1, below=True)]
Decay: TypeAlias = Annotated[Number, Range(0, 1, below=True)]
Betas: TypeAlias = Annotated[tuple[Number, Number], Several((Range(0, 1, below=True), Range(0, 1, below=True)))]
ThreeBetas: TypeAlias = Annotated[tuple[Number, Number, Number], Several((Range(0, 1, below=True),) * 3)]
Epsilons: TypeAlias = Annotated[tuple[Number | None, Number], Several((Range(0, or_none=True), Range(0)))]
TwoEpsilons: TypeAlias = Annotated[tuple[Number, Number], Several((Range(0), Range(0)))]
Etas: TypeAlias = Annotated[tuple[Number, Number], Several((Range(0, 1, below=True), Range(1)))]
StepSizes: TypeAlias = Annotated[tuple[Number, Number], Several((Range(0), Range(0)), ordered=True)]
Positive: TypeAlias = Annotated[Number, Range(SMALLEST)]
Count: TypeAlias = Annotated[int, Whole(1)]
Seed: TypeAlias = Annotated[int, Whole(0, 2**31 - 1)]
