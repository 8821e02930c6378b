"""What takes another optimizer, and lets it do something more."""

from .in_backward import in_backward as in_backward
from .sharpness import ASAM as ASAM
from .sharpness import GSAM as GSAM
from .sharpness import SAM as SAM
