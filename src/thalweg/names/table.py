"""The one table of names: the rows of all libraries, and the same by library and name."""

from .libraries import LIBRARIES, timm
from .row import Row

TABLE: tuple[Row, ...] = tuple(row for library in LIBRARIES for row in library.ROWS)
"""Every name that another library has, in the order of the libraries."""

PREFIXED: tuple[Row, ...] = tuple(map(timm.looking_ahead, timm.ROWS))
"""Names that are made of others, and are understood without being listed."""

OF_LIBRARY: dict[str, dict[str, Row]] = {
    library.LIBRARY: {row.name: row for row in (*TABLE, *PREFIXED) if row.library == library.LIBRARY}
    for library in LIBRARIES
}
"""The rows by their names, in each library."""

AUTHORS = ("schedulefree", "dadaptation", "prodigyopt", "lion_pytorch")
"""Packages of one method, whose classes sd-scripts calls by their names and with their defaults."""

PATHS: dict[str, str] = {
    **{library.casefold(): library for library in sorted(OF_LIBRARY, reverse=True)},  # optax.contrib before optax
    "torch": "torch.optim",
    "optim": "torch.optim",
    "torchao": "torchao.optim",
    "bnb": "bitsandbytes",
    "tf.keras": "keras",
    "tensorflow.keras": "keras",
    "hf": "transformers",
    "optimizernames": "transformers",
    **dict.fromkeys(AUTHORS, "sd_scripts"),
}
"""What may stand before a name, in small letters, and the library that it is: its modules are read over."""
