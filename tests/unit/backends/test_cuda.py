"""The CUDA graph gives PyTorch's labels: in float32 on the CPU, and in float16 on a GPU if there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from enet import backends, model
from enet.datasets import preprocess
from enet.errors import BackendUnavailable
from enet.measure import pipeline
from enet.measure.subject import Subject
from tests.unit import tiny as data

VOID = 20


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return data.tiny(tmp_path_factory.mktemp("cuda"), outputs=VOID)


@pytest.mark.parametrize("form", data.FORMS)
def test_whole_graph_gives_logits_and_labels_of_pytorch(form: str, subject: Subject) -> None:
    spec, wanted = subject.deliverable, data.FORMS[form]
    normalise = preprocess.Normalise(spec.preprocessing)
    network = model.checkpoint.load(subject.weights, spec.network.known, spec.network.outputs)
    graph = backends.cuda.WholeGraph(network, normalise.table, wanted, spec.scored_classes).eval()
    source, logits = subject.image_files(), data.slow_logits(subject)
    images = np.stack([source.load(index)[0] for index in range(2)])
    with torch.inference_mode():
        result = graph(torch.from_numpy(images if wanted.input == "uint8" else normalise(images))).numpy()
    expected = np.stack([logits[name] for name in source.names[:2]])
    if wanted.output == "labels":
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result, expected[:, : spec.scored_classes].argmax(axis=1))
    else:
        np.testing.assert_allclose(result, expected, atol=1e-4)


def test_cuda_without_gpu_is_unavailable(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for attempt in (lambda: subject.artifact("cuda", 1), backends.get("cuda").versions):
        with pytest.raises(
            BackendUnavailable, match=r"finds 0 CUDA devices, device 0 is missing. Install a CUDA build"
        ):
            attempt()


@pytest.mark.parametrize(("batch_size", "form"), [*((1, form) for form in data.FORMS), (4, "uint8 to labels")])
def test_cuda_on_gpu_gives_nearly_the_same_labels(batch_size: int, form: str, subject: Subject) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    evidence = pipeline.measure_split(
        subject, subject.artifact("cuda", batch_size, data.FORMS[form]), subject.image_files()
    )
    expected = data.slow_matrices(subject)
    assert np.abs(evidence.matrices - expected).sum() < 0.05 * expected.sum()  # random weights decide narrowly
    assert evidence.provenance.precision == "fp16"
