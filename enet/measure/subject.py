"""The subject of a run: the deliverable under test, with weights, data, cache and target."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import PIL
from tqdm import tqdm

from enet import backends, datasets, opencv
from enet.backends import Artifact, BuildRequest, Model, Place, calibration
from enet.backends.calibration import Calibration
from enet.datasets import Dataset, png, scenes
from enet.datasets.bin_files import write_bin_files
from enet.datasets.check import dataset_fingerprint, digest, inspect
from enet.datasets.image_source import ImageFiles, PreparedImages
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import Precision, Target
from enet.errors import InputError, format_list, printable
from enet.evidence import Accuracy, Provenance
from enet.measure.delivered import Delivered
from enet.metrics.segmentation import Matrix
from enet.storage.code_digest import made_by
from enet.storage.files import hash_json
from enet.storage.store import Store
from enet.storage.user_code import code_sha256


@dataclass(frozen=True)
class Subject:
    """The deliverable under test, with weights, data, artifact cache and target device.

    Attributes:
        store: the artifact cache.
        weights_path: the checkpoint; None for the deliverable's own.
        data_root: folder of the data set; None to generate scenes in the artifact cache.
        limit: number of images that are used; None for all.
        progress: show progress bars.
        onnx, om: files that were handed over, to be judged instead of what would be built; () for those that the
            deliverable names.
        ray: address of the Ray cluster that measures accuracy, see ``enet.cluster``; None: this machine does.
        spread: take the images of ``limit`` evenly from the split instead of its first ones.
    """

    deliverable: Deliverable
    store: Store
    weights_path: Path | None = None
    data_root: Path | None = None
    limit: int | None = None
    progress: bool = False
    target: Target = field(default_factory=Target)
    spread: bool = False
    onnx: tuple[Path, ...] = ()
    om: tuple[Path, ...] = ()
    ray: str | None = None

    @cached_property
    def weights(self) -> Path:
        """Path of the checkpoint; an ``InputError`` if there is none, or it is not a file."""
        path = self.weights_path or self.deliverable.weights
        if path is None:
            raise InputError(f"deliverable {self.deliverable.name}: includes no weights. Give them with --weights FILE")
        if not path.is_file():
            raise InputError(f"weights {path}: no such file. Give a checkpoint with --weights FILE")
        return path

    @cached_property
    def code_sha256(self) -> str:
        """SHA-256 of the own code that builds the network; empty if there is none; an ``InputError`` if it may not be
        run or is not there."""
        return code_sha256(self.deliverable.code[0]) if self.deliverable.network.module else ""

    @property
    def has_weights(self) -> bool:
        """Whether a checkpoint is given or named."""
        return bool(self.weights_path or self.deliverable.weights)

    @cached_property
    def delivered(self) -> Delivered:
        """The files that were handed over, read once."""
        return Delivered.of(self.deliverable, self.target, self.onnx, self.om)

    @cached_property
    def given_root(self) -> Path | None:
        """The user's data set folder, None to generate one; an ``InputError`` if one must be given."""
        if self.data_root is None and not self.deliverable.dataset.is_generated:
            raise InputError(f"deliverable {self.deliverable.name}: give the data set's folder with --data-root DIR")
        if self.data_root is not None:
            datasets.require_folder(self.deliverable.dataset.layout, self.data_root)
        return self.data_root

    @cached_property
    def dataset(self) -> Dataset:
        """The scored images, found on disk, else an ``InputError``; ``manifest`` checks the files."""
        spec, root = self.deliverable.dataset, self.given_root or self.generate_scenes()
        found = datasets.find(datasets.declared_layout(spec), root, spec.split)
        return found.spread(self.limit) if self.spread and self.limit else found.first(self.limit)

    @cached_property
    def image_names(self) -> frozenset[str] | None:
        """Names of the split's images; None if the data set is neither here nor generated. Generates nothing."""
        spec = self.deliverable.dataset
        if self.data_root is not None:
            return frozenset(sample.name for sample in self.dataset.samples)
        if not spec.is_generated:
            return None
        return frozenset(scenes.scene_paths(Path(), spec.split, index)[0].stem for index in range(spec.images))

    def generate_scenes(self) -> Path:
        """Generate the deliverable's scenes in the artifact cache, once, and return their folder."""
        spec = self.deliverable.dataset
        key = {"seed": spec.seed, "split": spec.split, "images": spec.images, **made_by("enet.datasets.scenes")}

        def make(folder: Path) -> None:
            scenes.write(folder, images=spec.images, seed=spec.seed, split=spec.split, progress=self.progress)

        return self.store.get_or_build("scenes", key, make)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Names, sizes and hashes of the data set's pixels; computed again only if a file has changed.

        Raises:
            InputError: files cannot be used; one message names all of them.
        """

        def make(folder: Path) -> None:
            found = inspect(self.dataset, progress=self.progress)
            (folder / "dataset.json").write_text(json.dumps(found), encoding="utf-8")

        key = {
            "files": dataset_fingerprint(self.dataset),
            "problems": self.dataset.problems,
            "layout": self.dataset.layout,
            "train_ids": sorted(self.dataset.classes.train_ids.items()),
            "mask_colours": self.dataset.classes.mask_colours,
            "decoder": png.serving(),
            **made_by("enet.datasets.check"),
        }
        path = self.store.get_or_build("dataset", key, make) / "dataset.json"
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if note := manifest.get("note"):
            tqdm.write(printable(f"enet: note: data set {self.dataset.root}: {note}"), sys.stderr)
        return manifest

    @cached_property
    def dataset_sha256(self) -> str:
        """Digest of the pixels and labels, whatever the files' names; see ``datasets.check.digest``."""
        return digest(self.manifest)

    @property
    def files_sha256(self) -> str:
        """Digest of names, order, pixels, labels and meaning of the label ids: of all that is made from the files."""
        return hash_json(self.manifest)

    @property
    def dataset_digests(self) -> dict[str, str]:
        """Both digests by name, as files that are made from the data set record them."""
        return {"dataset_sha256": self.dataset_sha256, "files_sha256": self.files_sha256}

    @property
    def duplicate_images(self) -> int:
        """Number of images with the pixels of another image, however their files are encoded."""
        digests = [sample["image_sha256"] for sample in self.manifest["samples"]]
        return len(digests) - len(set(digests))

    @cached_property
    def preprocessing_sha256(self) -> str:
        """Digest of everything but the images that determines the network's input."""
        spec = asdict(self.deliverable.preprocessing)
        return hash_json([spec, made_by("enet.datasets.preprocess", "enet.datasets.image_source")])

    def with_split(self, name: str) -> Subject:
        """Copy the subject with another split of the data set, all of whose images are expected.

        Raises:
            InputError: the data set has no such split.
        """
        spec = self.deliverable
        if name == spec.dataset.split:
            return self
        if not spec.dataset.has_splits:
            raise InputError(f"--split {name}: {spec.path} [dataset]: no pattern has {{split}}. Add it")
        try:  # the deliverable names the data of its own split alone
            split = replace(spec.dataset, split=name, sha256=None, inputs_sha256=None)
            other = replace(self, deliverable=replace(spec, dataset=split))
            count = len(replace(other, limit=None).dataset.samples)
        except (ValueError, InputError) as error:
            raise InputError(f"--split {name}: {error}") from error
        return replace(other, deliverable=replace(spec, dataset=replace(other.deliverable.dataset, images=count)))

    def part(self, start: int, stop: int, samples: Sequence[dict[str, Any]], target: Target) -> Subject:
        """Copy the subject with some of the images that were found, whose entries in the manifest are known."""
        part = replace(self, target=target)
        whole = self.dataset
        vars(part)["dataset"] = replace(whole, samples=whole.samples[start:stop])
        vars(part)["manifest"] = {"samples": samples}
        return part

    def image_files(self) -> ImageFiles:
        """The images as files, decoded when they are loaded."""
        _ = self.manifest  # checks every file before the first is used
        return ImageFiles(self.dataset, self.deliverable.preprocessing)

    def prepared(self) -> PreparedImages:
        """The images in the network's resolution, preprocessed once into the artifact cache."""
        key = {"dataset": self.files_sha256, "preprocessing": self.preprocessing_sha256, "decoder": png.serving()}
        key["train_ids"] = hash_json(self.dataset.classes.lookup().tolist())
        files = self.image_files()

        def make(folder: Path) -> None:
            PreparedImages.write(files, folder, self.progress)

        return PreparedImages(self.store.get_or_build("prepared", key, make), files.names)

    def bin_files(self, kind: Literal["float", "uint8"]) -> Path:
        """Folder with a preprocessed ``.bin`` file of each image, written once into the artifact cache."""
        files, digests = self.image_files(), self.dataset_digests
        key = {"dataset": digests, "preprocessing": self.preprocessing_sha256, "kind": kind}
        key |= {"decoder": png.serving()} | made_by("enet.datasets.bin_files")

        def make(folder: Path) -> None:
            write_bin_files(files, folder, kind, digests, progress=self.progress)

        return self.store.get_or_build("bins", key, make)

    def artifact(
        self, backend: str, batch_size: int, io_format: IoFormat | None = None, precision: Precision | None = None
    ) -> Artifact:
        """The compiled artifact, built once into the artifact cache.

        Args:
            io_format: None for the deliverable's own.
            precision: for backends that can quantise; None for the target's.
        """
        engine = backends.get(backend)
        chosen = self.delivered.choose(backend, batch_size)
        is_int8 = engine.info.choose_precision(precision or self.target.precision) == "int8"
        if chosen and (is_int8 or io_format not in (None, self.io_format(backend))):
            option = "--precision int8" if is_int8 else "--input or --output"
            raise InputError(f"{option}: {chosen[0]} is judged as it is. Leave the option out, or the file")
        request = BuildRequest(
            deliverable=self.deliverable,
            weights=None if chosen and not self.has_weights else self.weights,
            io_format=io_format or self.io_format(backend),
            delivered=chosen[0] if chosen else None,
            interface=chosen[1] if chosen else None,
            batch_size=batch_size,
            store=self.store,
            target=self.target,
            calibration=self.calibration() if is_int8 else None,
        )
        return engine.build(request)

    @cached_property
    def of_calibration(self) -> Subject:
        """The same with the train images that int8 is calibrated on."""
        split = replace(self.deliverable.dataset, split=calibration.SPLIT, images=calibration.IMAGES)
        spec = replace(self.deliverable, dataset=split)
        return replace(self, deliverable=spec, limit=calibration.IMAGES, spread=True)

    def calibration(self) -> Calibration:
        """Train images that int8 is calibrated on, prepared once into the artifact cache.

        Raises:
            InputError: the data set has no train split, or images of it are scored.
        """
        spec, train = self.deliverable, self.of_calibration
        if spec.dataset.split == calibration.SPLIT:
            raise InputError(f"--precision int8 is calibrated on train images, but they are scored by {spec.name}")
        if not spec.dataset.has_splits:
            problem = f"but no pattern of {spec.path} [dataset] has {{split}}. Add it"
            raise InputError(f"--precision int8 is calibrated on images of the split {calibration.SPLIT}, {problem}")
        try:
            digest = hash_json([train.files_sha256, train.preprocessing_sha256])
        except InputError as error:
            raise InputError(f"--precision int8 is calibrated on train images: {error}") from error
        scored = {sample["image_sha256"] for sample in self.manifest["samples"]}
        if both := [sample["name"] for sample in train.manifest["samples"] if sample["image_sha256"] in scored]:
            problem = f"{format_list(both, first=3)} of the split {calibration.SPLIT} are among the scored images"
            advice = "so --precision int8 cannot be calibrated. Remove them from one of the two splits"
            raise InputError(f"{train.dataset.root}: {problem}, {advice}")
        return Calibration(train.prepared(), spec.preprocessing, digest)

    def io_format(self, backend: str) -> IoFormat:
        """Input and output format of a backend's artifact, unless another is requested."""
        return IoFormat() if backend == backends.REFERENCE else self.deliverable.artifact.built

    def accuracy(
        self, provenance: Provenance, images: Sequence[str], matrices: Matrix, non_finite: int | None, seconds: float
    ) -> Accuracy:
        """Build evidence from scored images, with all that the deliverable determines; see ``Accuracy``."""
        spec = self.deliverable
        return Accuracy(
            provenance=provenance,
            classes=datasets.declared_layout(spec.dataset).classes.names,
            absent_classes=spec.reference.absent_classes,
            images=tuple(images),
            images_expected=spec.dataset.images,
            matrices=matrices,
            non_finite=non_finite,
            seconds=seconds,
            duplicate_images=self.duplicate_images if images else 0,
            label_grid=spec.preprocessing.label_grid,
        )

    def provenance(self, artifact: Artifact, place: Place | Model) -> Provenance:
        """Provenance of a measurement with this artifact."""
        return Provenance(
            deliverable=self.deliverable.name,
            backend=artifact.backend,
            device=place.device,
            batch_size=artifact.batch_size,
            io_format=artifact.interface.io_format if artifact.interface else asdict(artifact.io_format),
            weights_sha256=artifact.weights_sha256,
            onnx_sha256=artifact.onnx_sha256,
            artifact_sha256=artifact.sha256,
            dataset_sha256=self.dataset_sha256,
            preprocessing_sha256=self.preprocessing_sha256,
            versions={**backends.get(artifact.backend).versions(), **versions_of_images()},
            simulated=artifact.simulated,
            missing_reason=place.problem,
            chip=place.chip,
            allow_busy=self.target.allow_busy,
            limited=self.limit is not None,
            precision=artifact.precision,
            delivered=artifact.delivered,
            calibration_sha256=artifact.calibration_sha256,
            code_sha256="" if artifact.delivered else self.code_sha256,
        )


def versions_of_images() -> dict[str, str]:
    """Versions of what makes the network's input from image files."""
    return {"pillow": PIL.__version__, **opencv.serving(), "png": png.serving()}
