from . import acceptance as acceptance, faults as faults, planted as planted
from .parts import PARTS as PARTS, run as run
