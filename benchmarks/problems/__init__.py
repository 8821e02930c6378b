"""Test problems with their sources, starts and minima."""

from problems import cute, few, many, science  # noqa: F401
from problems.problem import PROBLEMS as PROBLEMS
from problems.problem import Problem as Problem
