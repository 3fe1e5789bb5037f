"""What is fuzzed: conclusions, evidence, records."""

from enet.selftest.fuzzed import conclusions, evidence, records
from enet.selftest.fuzzed.base import Kind as Kind, Trial as Trial

KINDS: tuple[Kind, ...] = (*conclusions.KINDS, *evidence.KINDS, *records.KINDS)
