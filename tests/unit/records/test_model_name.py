"""What a recorded model's name says: honest names are no conflict, those of other models are."""

from __future__ import annotations

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
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_name_is_no_conflict(name: str) -> None:
    assert list(model_name.conflicts(name, deliverable.load("cityscapes"), 16, "310P3")) == []


@pytest.mark.parametrize("name", OTHER)
def test_other_model_is_a_conflict(name: str) -> None:
    found = list(model_name.conflicts(name, deliverable.load("cityscapes"), 16, "310P3"))
    assert any(OTHER[name] in conflict for conflict in found), found
