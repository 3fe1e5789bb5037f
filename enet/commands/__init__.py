"""Commands of ``enet``, one module each: docstring (its help), ``EXAMPLE``, ``add_options(add)``, ``run(args) -> int``.

``add`` is the ``add_argument`` of the command's parser; ``run`` returns the exit code. ``enet --help`` imports all
commands, so what is slow to import comes from packages that load lazily.
"""

from importlib import import_module
from pkgutil import iter_modules

#: Every module of this folder, by name; ``common`` holds what several of them share.
COMMANDS = {name: import_module(f"{__name__}.{name}") for _, name, _ in iter_modules(__path__) if name != "common"}
