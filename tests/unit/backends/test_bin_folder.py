"""``enet infer`` on the host: the files that ais_bench would write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from enet import backends, model as models
from enet.backends import FolderRun
from enet.deliverable import IoFormat, Preprocessing
from enet.errors import InputError

NAMES = ("a_0", "b.c", "d")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "enet.onnx"
    torch.manual_seed(0)
    spec = Preprocessing(resize="exact", size=(32, 16))
    network = models.architectures.build("ascend", 5)
    models.export.save(models.export.to_onnx(network, spec, IoFormat(input="uint8")), path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> tuple[Path, NDArray[np.uint8]]:
    folder = tmp_path / "prep"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 32, 3), np.uint8)
    for name, image in zip(NAMES, pixels, strict=True):
        (folder / f"{name}.bin").write_bytes(image.tobytes())
    return folder, pixels


@pytest.mark.parametrize("batch_size", [1, 2, 4])
@pytest.mark.parametrize("outfmt", ["BIN", "NPY"])
def test_run_folder_writes_outputs_and_summary(
    batch_size: int, outfmt: str, model: Path, images: tuple[Path, NDArray[np.uint8]], tmp_path: Path
) -> None:
    folder, pixels = images
    run = FolderRun(model, folder, tmp_path / "out", batch_size, outfmt=outfmt)  # type: ignore[arg-type]
    (summary,) = backends.get(backends.DEFAULT).run_folder(run)
    assert summary == tmp_path / "out_summary.json"
    (expected,) = onnxruntime.InferenceSession(model.read_bytes()).run(None, {"image": pixels})
    table = json.loads(summary.read_text())
    assert len(table["filesinfo"]) == 3
    assert len(table["compute_time_list_ms"]) == -(-3 // batch_size)
    for entry, name, logits in zip(table["filesinfo"].values(), NAMES, expected, strict=True):
        assert entry["infiles"] == [str(folder / f"{name}.bin")]
        (output,) = (Path(file) for file in entry["outfiles"])
        read = np.load(output) if outfmt == "NPY" else np.fromfile(output, np.float32).reshape(logits.shape)
        np.testing.assert_allclose(read, logits, atol=1e-5)
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_run_folder_bad_input_gives_one_line_error(
    model: Path, images: tuple[Path, NDArray[np.uint8]], tmp_path: Path
) -> None:
    folder, _ = images
    empty = tmp_path / "empty"
    empty.mkdir()
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    (folder / "short.bin").write_bytes(b"123")
    for bad, inputs, message in (
        (model, empty, "no .bin files"),
        (model, folder, r"short\.bin \(3\)"),
        (text, folder, "not an ONNX file"),
        (tmp_path / "absent.onnx", folder, "No such file"),
        (tmp_path, folder, "Is a directory"),
    ):
        with pytest.raises(InputError, match=message) as error:
            backends.get(backends.DEFAULT).run_folder(FolderRun(bad, inputs, tmp_path / "out", 1))
        assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_run_folder_of_other_host_backends_names_those_that_can() -> None:
    with pytest.raises(InputError, match=r"does not run folders of files\. Use --backend onnxruntime or ascend"):
        backends.get("pytorch").run_folder(FolderRun(Path("m"), Path("i"), Path("o"), 1))
