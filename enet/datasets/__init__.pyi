from . import (
    bin_files as bin_files,
    camvid as camvid,
    check as check,
    cityscapes as cityscapes,
    image_source as image_source,
    png as png,
    preprocess as preprocess,
    scenes as scenes,
)
from .base import IGNORE as IGNORE, Classes as Classes, Dataset as Dataset, Sample as Sample
from .layouts import (
    LAYOUTS as LAYOUTS,
    Layout as Layout,
    declared_layout as declared_layout,
    find as find,
    layout as layout,
    require_folder as require_folder,
)
