"""``python -m enet``: the program ``enet``, where its script is not on the path."""

import sys

from enet.cli import main

sys.exit(main())
