from . import (
    __main__ as __main__,
    augment as augment,
    log as log,
    loop as loop,
    loss as loss,
    optimiser as optimiser,
    prelu as prelu,
)
