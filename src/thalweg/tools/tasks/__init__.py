"""What is learned in a comparison."""

from .task import Data as Data
from .task import Task as Task
