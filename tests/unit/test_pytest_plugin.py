"""The search of pytest's configuration; what it does in a run is in ``tests/suite/test_options.py``."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from enet import pytest_plugin

ROOT = Path(__file__).resolve().parents[2]


def misled_config(**attributes: Any) -> pytest.Config:
    """A configuration that pytest searched in the wrong place, with only some of its attributes."""
    known = SimpleNamespace(inifilename=None, override_ini=None, file_or_dir=["tests"], rootdir=None)
    config = SimpleNamespace(
        known_args_namespace=known, invocation_params=SimpleNamespace(dir=ROOT), rootpath=Path("/")
    )
    config.inipath = None
    vars(config).update(attributes)
    return cast(pytest.Config, config)


def test_find_configuration_corrects_a_misled_search() -> None:
    config = misled_config(_rootpath=None, _inipath=None, _inicfg={}, _inicache={"addopts": []})
    assert pytest_plugin.find_configuration(config)
    assert vars(config)["_rootpath"] == ROOT
    assert vars(config)["_inipath"] == ROOT / "pytest.ini"
    assert "addopts" in vars(config)["_inicfg"]
    assert not vars(config)["_inicache"]


def test_find_configuration_unchanged_uses_no_private_attribute() -> None:
    assert not pytest_plugin.find_configuration(misled_config(rootpath=ROOT, inipath=ROOT / "pytest.ini"))


@pytest.mark.parametrize("name", ["_rootpath", "_inipath", "_inicfg", "_inicache", "determine_setup"])
def test_find_configuration_private_name_gone_is_a_usage_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attributes: dict[str, Any] = {"_rootpath": None, "_inipath": None, "_inicfg": {}, "_inicache": {}}
    if attributes.pop(name, "not an attribute") == "not an attribute":
        monkeypatch.delattr(f"_pytest.config.findpaths.{name}")
    with pytest.raises(pytest.UsageError) as error:
        pytest_plugin.find_configuration(misled_config(**attributes))
    message = str(error.value)
    assert message.startswith(f"pytest {pytest.__version__} does not fit enet (")
    assert f"'{name}'" in message
    assert message.endswith("pip install -c constraints.txt pytest")
    assert "\n" not in message
