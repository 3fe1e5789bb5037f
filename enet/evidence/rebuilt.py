"""Files of the artifact cache, some of them built again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from enet.evidence.base import Evidence


@dataclass(frozen=True, kw_only=True)
class Rebuilt(Evidence):
    """SHA-256 by name of parts of cache entries, as they are and as they are built now.

    Attributes:
        cache: folder of the cache.
        seed: of the random choice of parts.
        limited: the user requested only some of the images.
        cached, built: digest by name, such as "prepared: 0016E5_08059".
    """

    kind: ClassVar[str] = "rebuilt"
    cache: str
    seed: int
    limited: bool
    cached: dict[str, str]
    built: dict[str, str]
