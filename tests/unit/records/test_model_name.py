"""What a recorded model's name says: honest names are no conflict, those of other models are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enet import deliverable
from enet.records import model_name

#: Of the guide, the public scripts and real records, and names that say nothing.
HONEST = [
    "enet_citys_bs16.om",
    "enet_citys_910_bs16_aoe.om",
    "enet_bs16.om",
    "./enet_bs16.om",
    "ENet_bs16.om",
    "enet_any.om",
    "deploy_bs16.om",
    "model.om",
    "net.om",
    "om/enet-bs16-fp16.om",
    "enet_bs16_aoe_job1_1.om",
    "enet_310P3_bs16.om",
    "enet_bs16_310p.om",
    "enet_Ascend310P3_bs16.om",
    "enet_710_bs16.om",
    "EnetBs16.om",
    "myENet_b16.om",
    "enet_bs1_4_8_16.om",
    "enet_batch16_480x480.om",
    "enet_bs16_linux_x86_64.om",
    "enet_bs16_20220711.om",
    "enet_epoch310_bs16.om",
    "output_16batch.om",
    "network_bs16.om",
    "segnet_tutorial_enet_bs16.om",
    "enet_imagenet_pretrained_citys_bs16.om",
    "internet_enet.om",
    "planet_enet.om",
    "neuralnet_bs16.om",
    "subnet_bs16.om",
    "enet_clip_ssd_bs16.om",
    "enet_no_int8.om",
    "enet_non_quant_bs16.om",
    "enet-ascend310-p3.om",
    "enet_bs16_1x3x480x480.om",
    "ENet_8x910_bs16.om",
    "enet_uint8_bs16.om",
    "enet_unquantized_bs16.om",
]

OTHER = {
    "enet_Ascend310_bs16.om": "names the chip 310, expected 310P3",
    "enet_bs16_310.om": "names the chip 310, expected 310P3",
    "enet_910B3_bs16.om": "names the chip 910B3",
    "enet_ascend310B4.om": "names the chip 310B4",
    "enet_bs1.om": "names batch size 1, expected 16",
    "enetbs1.om": "names batch size 1",
    "ENet_batch_8.om": "names batch size 8",
    "resnet50_v1.5_bs16.om": "names the network 'resnet50', expected ENet",
    "MobileNetV2.om": "names the network 'mobilenetv2'",
    "unet_bs16.om": "names the network 'unet'",
    "erfnet_bs16.om": "names the network 'erfnet'",
    "/om/deeplabv3.om": "names the network 'deeplabv3'",
    "yolov5s_bs16.om": "names the network 'yolov5s'",
    "enet_camvid_bs16.om": "names the data set 'camvid', expected 'cityscapes'",
    "enet_int8_bs16.om": "names INT8",
    "enet_citys_240x240_bs16.om": "names the size 240x240, expected 480x480",
    "enet_16x3x1024x2048.om": "names the size 1024x2048",
    "enet_bsz32.om": "names batch size 32",
    **{
        f"{word}_bs16.om": f"names the network {part!r}"
        for word, part in {
            **dict.fromkeys(("enet_resnet50", "my_enet_resnet50"), "resnet50"),
            **{
                name: name
                for name in ("stdc1", "convnext", "bisenetv2", "unetplusplus", "mobilevit", "regseg", "alexnet")
            },
            "fast_scnn_citys": "scnn",
            "pp_liteseg": "liteseg",
            "enet_unet": "unet",
            "enetunet": "unet",
        }.items()
    },
    **{
        f"enet_{word}_bs16.om": f"names {word.upper()}, expected a float"
        for word in ("w8a16", "i8", "s8", "int4", "qat", "8bit", "quantization", "int_8", "amct")
    },
    **{
        f"enet_{word}_bs16.om": f"names the data set {word!r}"
        for word in ("pascal", "voc12", "coco2017", "ade", "bdd", "culane", "tusimple", "sunrgbd", "imagenet")
    },
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_name_is_no_conflict(name: str) -> None:
    assert list(model_name.conflicts(name, deliverable.load("cityscapes"), 16, "310P3")) == []


@pytest.mark.parametrize("name", OTHER)
def test_other_model_is_a_conflict(name: str) -> None:
    found = list(model_name.conflicts(name, deliverable.load("cityscapes"), 16, "310P3"))
    assert any(OTHER[name] in conflict for conflict in found), found


@pytest.mark.parametrize("name", ["enet_kitti_bs16.om", "enet_camvid_bs16.om"])
def test_folders_hold_any_data_set(name: str) -> None:
    guide = deliverable.load("cityscapes")
    data = deliverable.DatasetSpec(layout="folders", images=500, list="{split}.txt", label_ids="labelIds")
    own = replace(guide, dataset=data)
    assert list(model_name.conflicts(name, own, 16, "310P3")) == []
