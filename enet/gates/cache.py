"""Gate of the artifact cache: what was built earlier is what is built now."""

from __future__ import annotations

from enet.errors import format_list
from enet.evidence import Rebuilt
from enet.gates.base import LIMITED, Check, Verdict, decide, no_evidence

GATE = "cached_files"


def cached_files(evidence: Rebuilt) -> Verdict:
    """Parts of cache entries, chosen at random, are built again to the same bytes."""
    if not evidence.cached or evidence.cached.keys() != evidence.built.keys():
        return no_evidence(GATE, "no cached file, or not the same ones, were built again")
    wrong = [name for name, digest in evidence.cached.items() if evidence.built[name] != digest]
    count = len(evidence.cached)
    check = Check(measured=len(wrong), unit=f"of {count}", high=0)
    sentence = f"{len(wrong)} of {count} cached files, chosen by seed {evidence.seed}, differ from what is built now"
    if wrong:
        advice = f"Delete {evidence.cache} and run again"
        return no_evidence(GATE, f"{sentence}: {format_list(wrong)}. {advice}", check)
    return decide(GATE, [check], sentence, LIMITED if evidence.limited else None)
