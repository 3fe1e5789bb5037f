"""Name weights, data and what follows from them by hash, in the deliverable's file: ``enet deliverables pin``."""

from __future__ import annotations

from dataclasses import replace

from enet.deliverable.toml_reader import add_line_number
from enet.deliverable.toml_writer import add_keys
from enet.errors import InputError
from enet.gates import Outcome, Verdict, network as network_gate, parity as parity_gates
from enet.measure import golden, reference_preprocessing
from enet.measure.subject import Subject
from enet.model.golden import save
from enet.storage.files import hash_file


def pin(subject: Subject) -> list[str]:
    """Write what the file does not name yet, and check what it names already; nothing that is named is changed.

    Returns:
        What was written, one line each.
    Raises:
        InputError: images are missing, copies or too many; the weights do not fit; the recipes or the network's source
            do not give what they should; or the file names something else. Then the file is as it was.
    """
    spec, written = subject.deliverable, []
    found = {"dataset": data_digests(subject)}
    if subject.weights_path or spec.weights:
        path = spec.golden or spec.path.with_suffix(".golden.json")
        found["network"] = {"sha256": hash_file(subject.weights), "golden": spec.network.golden or path.name}
        require_same(subject, found)
        compared = replace(
            spec, network=replace(spec.network, golden=found["network"]["golden"] if path.exists() else None)
        )
        recorded = golden.record(spec, subject.weights)
        if compared.network.variant or compared.golden:  # own code has no logits but those that are recorded now
            require_pass(network_gate.network(golden.compare(replace(subject, deliverable=compared)), compared))
        if not path.exists():
            save(recorded, path)
            written.append(f"Wrote {path}: {len(recorded.logits)} logits")
    require_same(subject, found)
    added = {
        table: {key: value for key, value in values.items() if getattr(getattr(spec, table), key) is None}
        for table, values in found.items()
    }
    if any(added.values()):
        add_keys(spec.path, added)
    lines = [f"[{table}] {key} = {value}" for table, values in added.items() for key, value in values.items()]
    return [*written, *(f"Wrote to {spec.path}: {line}" for line in lines)]


def data_digests(subject: Subject) -> dict[str, str]:
    """Both digests of the data set, by their keys in the file, once its images are complete and prepared correctly."""
    spec = subject.deliverable
    if copies := subject.duplicate_images:
        raise InputError(f"{subject.dataset.root}: {copies} images are copies of others. Remove them")
    count = len(subject.manifest["samples"])
    if count != spec.dataset.images:
        problem = f"{count} images in the split {spec.dataset.split}, expected {spec.dataset.images}"
        raise InputError(f"{subject.dataset.root}: {problem} of {spec.path}. Correct one of them")
    evidence = reference_preprocessing.compare(subject, subject.prepared())
    unnamed = replace(spec, dataset=replace(spec.dataset, sha256=None, inputs_sha256=None))
    require_pass(parity_gates.preprocessing(evidence, unnamed))
    return {"sha256": subject.dataset_sha256, "inputs_sha256": evidence.inputs_sha256}


def require_pass(verdict: Verdict) -> None:
    if verdict.outcome is not Outcome.PASS:
        raise InputError(f"{verdict}. Nothing was written")


def require_same(subject: Subject, found: dict[str, dict[str, str]]) -> None:
    """Raise InputError if the file names something else than was found."""
    spec = subject.deliverable
    for table, values in found.items():
        for key, value in values.items():
            named = getattr(getattr(spec, table), key)
            if named not in (None, value):
                problem = f"{named}, but found {value}. Delete the line if the new one is meant"
                raise InputError(add_line_number(f"{spec.path} [{table}] [{key}]: {problem}", spec.path))
