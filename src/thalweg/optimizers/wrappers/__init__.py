"""What takes another optimizer, and lets it do something more."""

from .in_backward import in_backward as in_backward
from .shard_states import shard_states as shard_states
