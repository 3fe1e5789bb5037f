from . import acceptance as acceptance, families as families, faults as faults, fuzz as fuzz, planted as planted
from .parts import DRAWN as DRAWN, PARTS as PARTS, run as run
