"""The one table of names: the rows of all libraries, and the same by library and name."""

from . import (
    apex,
    axolotl,
    bitsandbytes,
    deepspeed,
    emerging_optimizers,
    epfml,
    heavyball,
    hugging_face,
    keras,
    one_trainer,
    optax,
    optax_contrib,
    optimi,
    pytorch_optimizer,
    timm,
    torch_optim,
    torch_optimizer,
    torchao,
)
from .row import Row

LIBRARIES = (
    *(torch_optim, hugging_face, timm, bitsandbytes, one_trainer, axolotl, emerging_optimizers, epfml),
    *(pytorch_optimizer, torch_optimizer, optimi, heavyball, torchao, deepspeed, apex, keras, optax_contrib, optax),
)

TABLE: tuple[Row, ...] = tuple(row for library in LIBRARIES for row in library.ROWS)
"""Every name that another library has, in the order of the libraries."""

PREFIXED: tuple[Row, ...] = tuple(map(timm.looking_ahead, timm.ROWS))
"""Names that are made of others, and are understood without being listed."""

OF_LIBRARY: dict[str, dict[str, Row]] = {
    library.LIBRARY: {row.name: row for row in (*TABLE, *PREFIXED) if row.library == library.LIBRARY}
    for library in LIBRARIES
}
"""The rows by their names, in each library."""
