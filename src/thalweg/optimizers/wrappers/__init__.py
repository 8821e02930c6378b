"""What takes another optimizer, and lets it do something more."""

from .galore import *
from .in_backward import in_backward as in_backward
