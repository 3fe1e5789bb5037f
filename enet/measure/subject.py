"""The subject of a run: a deliverable with its weights and data at hand, and the store its artifacts go to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import PIL

from enet import backends, datasets
from enet.backends import Artifact, Model, calibration
from enet.backends.base import Place
from enet.backends.calibration import Calibration
from enet.datasets import Dataset, bin_files as bins
from enet.datasets.check import dataset_fingerprint, digest, inspect
from enet.datasets.image_source import ImageFiles, PreparedImages
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import Precision, Target
from enet.errors import InputError, format_list
from enet.evidence import Provenance
from enet.storage.files import canonical_json, hash_text
from enet.storage.store import Store, code_digest


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Args:
        weights_path: the checkpoint; the deliverable's own for None.
        data_root: folder of the data set; for generated scenes None makes them in the store.
        limit: use only the first so many images.
        target: the device, for backends that compile for one.
        spread: take the images of ``limit`` evenly over the split.
    """

    deliverable: Deliverable
    store: Store
    weights_path: Path | None = None
    data_root: Path | None = None
    limit: int | None = None
    progress: bool = False
    target: Target = field(default_factory=Target)
    spread: bool = False

    @cached_property
    def weights(self) -> Path:
        """The checkpoint.

        Raises:
            InputError: none was given and the deliverable brings none, or there is no such file.
        """
        path = self.weights_path or self.deliverable.weights
        if path is None:
            raise InputError(f"deliverable {self.deliverable.name}: brings no weights. Give them with --weights FILE")
        if not path.is_file():
            raise InputError(f"weights {path}: no such file. Give a checkpoint with --weights FILE")
        return path

    @cached_property
    def given_root(self) -> Path | None:
        """The data set's folder as the user gave it; None where the images are generated.

        Raises:
            InputError: none was given but one is needed, or there is no such folder.
        """
        if self.data_root is None and self.deliverable.dataset.layout != "scenes":
            raise InputError(f"deliverable {self.deliverable.name}: give the data set's folder with --data-root DIR")
        if self.data_root is not None:
            datasets.require_folder(self.deliverable.dataset.layout, self.data_root)
        return self.data_root

    @cached_property
    def unpaired(self) -> list[str]:
        """Images and labels without a partner, in words; filled by ``dataset``."""
        return []

    @cached_property
    def dataset(self) -> Dataset:
        """The images that will be scored, found on disk or generated. ``manifest`` looks into the files.

        Raises:
            InputError: no data set.
        """
        spec = self.deliverable.dataset
        root = self.given_root or self.generated()
        found = datasets.find(spec.layout, root, spec.split, self.unpaired)
        return found.spread(self.limit) if self.spread and self.limit else found.first(self.limit)

    def generated(self) -> Path:
        """The deliverable's scenes, drawn once into the store."""
        from enet.datasets import scenes

        spec = self.deliverable.dataset
        key = {"seed": spec.seed, "split": spec.split, "images": spec.images, "version": scenes.SCENES_VERSION}

        def make(folder: Path) -> None:
            scenes.write(folder, images=spec.images, seed=spec.seed, split=spec.split, progress=self.progress)

        return self.store.build("scenes", key, make)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Names and hashes of the data set's files; looked at again only when a file has changed.

        Raises:
            InputError: files can't be used, all of them named in one message.
        """

        def make(folder: Path) -> None:
            found = inspect(self.dataset, self.unpaired, progress=self.progress)
            (folder / "dataset.json").write_text(json.dumps(found), encoding="utf-8")

        key = {
            "files": dataset_fingerprint(self.dataset),
            "unpaired": self.unpaired,
            "layout": self.dataset.layout,
            "train_ids": sorted(self.dataset.classes.train_ids.items()),
            "source": code_digest("datasets/check.py"),
        }
        entry = self.store.build("dataset", key, make)
        manifest: dict[str, Any] = json.loads((entry / "dataset.json").read_text(encoding="utf-8"))
        return manifest

    @cached_property
    def dataset_sha256(self) -> str:
        return digest(self.manifest)

    @property
    def duplicate_images(self) -> int:
        """How many images' files are those of other images."""
        found = [sample["image_sha256"] for sample in self.manifest["samples"]]
        return len(found) - len(set(found))

    @cached_property
    def preprocessing_sha256(self) -> str:
        """What decides the bytes that the network sees, apart from the images."""
        spec = asdict(self.deliverable.preprocessing)
        return hash_text(
            canonical_json([spec, code_digest("datasets/preprocess.py", "datasets/image_source.py"), PIL.__version__])
        )

    def of_split(self, name: str) -> Subject:
        """The same network on another split of the data set; as many images are expected as it has.

        Raises:
            InputError: no such split.
        """
        spec = self.deliverable
        if name == spec.dataset.split:
            return self
        try:
            that = replace(self, deliverable=replace(spec, dataset=replace(spec.dataset, split=name)))
            count = len(replace(that, limit=None).dataset.samples)
        except (ValueError, InputError) as error:
            raise InputError(f"--split {name}: {error}") from error
        return replace(that, deliverable=replace(spec, dataset=replace(that.deliverable.dataset, images=count)))

    def photographs(self) -> ImageFiles:
        """The images as files, decoded when asked for."""
        _ = self.manifest  # every file is looked at before the first is used
        return ImageFiles(self.dataset, self.deliverable.preprocessing)

    def prepared(self) -> PreparedImages:
        """The images at the network's grid, preprocessed once into the store."""
        key = {"dataset": self.dataset_sha256, "preprocessing": self.preprocessing_sha256}
        photographs = self.photographs()
        folder = self.store.build(
            "prepared", key, lambda folder: PreparedImages.write(photographs, folder, self.progress)
        )
        return PreparedImages(folder, photographs.names)

    def bins(self, kind: Literal["float", "uint8"]) -> Path:
        """A folder with one preprocessed ``.bin`` file an image, written once into the store."""
        key = {"dataset": self.dataset_sha256, "preprocessing": self.preprocessing_sha256, "kind": kind}

        def make(folder: Path) -> None:
            bins.write_bin_files(self.photographs(), folder, kind, self.dataset_sha256, progress=self.progress)

        return self.store.build("bins", key, make)

    def artifact(
        self, backend: str, batch_size: int, form: IoFormat | None = None, precision: Precision | None = None
    ) -> Artifact:
        """The compiled artifact, built once into the store, in the deliverable's form if no other is given, and where
        the backend can quantise in the target's precision if no other is given."""
        quantised = backend in backends.QUANTISING and (precision or self.target.precision) == "int8"
        return backends.get(backend).build(
            self.deliverable,
            self.weights,
            form or self.form(backend),
            batch_size,
            self.store,
            self.target,
            self.calibration() if quantised else None,
        )

    def calibration(self) -> Calibration:
        """Train images for a quantiser to look at, prepared once into the store.

        Raises:
            InputError: the data set has no train split, or images of it are scored.
        """
        spec = self.deliverable
        if spec.dataset.split == calibration.SPLIT:
            raise InputError(
                f"deliverable {spec.name}: --precision int8 is calibrated on train images, but they are scored"
            )
        split = replace(spec.dataset, split=calibration.SPLIT, images=calibration.IMAGES)
        train = replace(self, deliverable=replace(spec, dataset=split), limit=calibration.IMAGES, spread=True)
        try:
            digest = hash_text(canonical_json([train.dataset_sha256, train.preprocessing_sha256]))
        except InputError as error:
            raise InputError(f"--precision int8 is calibrated on train images: {error}") from error
        scored = {sample["image_sha256"] for sample in self.manifest["samples"]}
        if both := [sample["name"] for sample in train.manifest["samples"] if sample["image_sha256"] in scored]:
            raise InputError(
                f"{train.dataset.root}: {format_list(both, first=3)} of the split {calibration.SPLIT} are among the "
                f"scored "
                "images, too, so --precision int8 can't be calibrated. Take them out of one of the two splits"
            )
        return Calibration(train.prepared(), spec.preprocessing, digest)

    def form(self, backend: str) -> IoFormat:
        """The form that a backend's artifact has if no other is asked for."""
        return IoFormat() if backend == backends.REFERENCE else self.deliverable.artifact

    def provenance(self, artifact: Artifact, place: Place | Model) -> Provenance:
        """Where a measurement with this artifact comes from."""
        return Provenance(
            deliverable=self.deliverable.name,
            backend=artifact.backend,
            device=place.device,
            batch_size=artifact.batch_size,
            form=asdict(artifact.form),
            weights_sha256=artifact.weights_sha256,
            onnx_sha256=artifact.onnx_sha256,
            artifact_sha256=artifact.sha256,
            dataset_sha256=self.dataset_sha256,
            preprocessing_sha256=self.preprocessing_sha256,
            versions={**backends.get(artifact.backend).versions(), "pillow": PIL.__version__},
            simulated=artifact.simulated,
            chip=place.chip,
            allow_busy=self.target.allow_busy,
            limited=self.limit is not None,
            precision=artifact.precision,
            calibration_sha256=artifact.calibration_sha256,
        )
