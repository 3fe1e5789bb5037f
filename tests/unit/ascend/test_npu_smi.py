"""npu-smi: every table that it is known to print is read completely, or is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from enet.ascend import npu_smi
from enet.deliverable.target import DeviceState
from enet.errors import BackendUnavailable, InputError
from enet.selftest.result_folders import NPU_SMI

ASCEND_310 = """\
+------------------------------------------------------------------------------+
| npu-smi 21.0.3.1                     Version: 21.0.3.1                       |
+-------------------+-----------------+----------------------------------------+
| NPU     Name      | Health          | Power(W)          Temp(C)              |
| Chip    Device    | Bus-Id          | AICore(%)         Memory-Usage(MB)     |
+===================+=================+========================================+
| 0       310       | OK              | 12.8              58                   |
| 0       0         | NA              | 0                 5324 / 8192          |
+===================+=================+========================================+
"""
FOUR_CHIPS = """\
| 1       310       | OK              | 12.8              49                   |
| 0       0         | 0000:01:00.0    | 0                 2621 / 8192          |
+-------------------+-----------------+----------------------------------------+
| 1       310       | OK              | 12.8              49                   |
| 1       1         | 0000:02:00.0    | 3                 2621 / 8192          |
+-------------------+-----------------+----------------------------------------+
"""
WIDE = """\
| npu-smi 22.0.2                           Version: 22.0.4                                       |
| NPU     Name          | Health          | Power(W)     Temp(C)           Hugepages-Usage(page) |
| Chip    Device        | Bus-Id          | AICore(%)    Memory-Usage(MB)                        |
| 2144    310P3         | OK              | NA           47                0    / 0              |
| 0       0             | 0000:86:00.0    | 0            1807 / 21527                            |
"""
ASCEND_910B = """\
+------------------------------------------------------------------------------------------------+
| npu-smi 24.1.0                   Version: 24.1.0                                               |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B1               | OK            | 100.4       50                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3395 / 65536         |
+===========================+===============+====================================================+
| 1     910B1               | Warning       | 101.0       51                0    / 0             |
| 0                         | 0000:C2:00.0  | 7           0    / 0          41697/ 65536         |
+===========================+===============+====================================================+
+---------------------------+---------------+----------------------------------------------------+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
+===========================+===============+====================================================+
| No running processes found in NPU 0                                                            |
+===========================+===============+====================================================+
| 1       0                 | 4711          | python3.9                | 38210                   |
| 1       0                 | 4712          |                          | 17                      |
+===========================+===============+====================================================+
"""
A3 = """\
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip  Phy-ID              | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
| 0     Ascend910           | OK            | 167.9       36                0    / 0             |
| 0     0                   | 0000:9D:00.0  | 0           0    / 0          3139 / 65536         |
+------------------------------------------------------------------------------------------------+
| 0     Ascend910           | OK            | -           37                0    / 0             |
| 1     1                   | 0000:9F:00.0  | 0           0    / 0          2905 / 65536         |
"""
WITH_CONTAINERS = """\
+------------------------------------------------------------------------------------------------------------------+
| npu-smi 26.1.0                              Version: 26.1.0                                                      |
+---------------------------+---------------+----------------------------------------------------------------------+
| NPU   Name                | Health        | Power(W)             Temp(C)                 Hugepages-Usage(page)   |
| Chip                      | Bus-Id        | AICore(%)            Memory-Usage(MB)        HBM-Usage(MB)           |
+===========================+===============+======================================================================+
| 0     910B3               | OK            | 100.0                50                      0    / 0                |
| 0                         | 0000:C1:00.0  | 0                    0    / 0                8676 / 65536            |
+===========================+===============+======================================================================+
| 1     910B3               | OK            | 97.8                 49                      0    / 0                |
| 0                         | 0000:C2:00.0  | 0                    0    / 0                3402 / 65536            |
+===========================+===============+======================================================================+
+---------------------------+---------------+----------------------------------------------------------------------+
| NPU     Chip              | Process id    | Process name       | Process memory(MB)    | Process id in container |
+===========================+===============+======================================================================+
| 0       0                 | 485946        | pytest             | 5175                  | NA                      |
| 0       0                 | 485947        | pytest             | 5175                  | 101                     |
+===========================+===============+======================================================================+
| No running processes found in NPU 1                                                                              |
+===========================+===============+======================================================================+
"""
DUO = """\
[WARNING] a container's log stands before the table | and may have a bar
+--------------------------------------------------------------------------------------------------------+
| npu-smi 25.3.rc1                                 Version: 25.3.rc1                                     |
+-------------------------------+-----------------+------------------------------------------------------+
| NPU     Name                  | Health          | Power(W)     Temp(C)           Hugepages-Usage(page) |
| Chip    Device                | Bus-Id          | AICore(%)    Memory-Usage(MB)                        |
+===============================+=================+======================================================+
| 32768   310P3                 | OK              | NA           52                0     / 0             |
| 0       0                     | 0000:81:00.0    | 0            1541 / 44278                            |
+-------------------------------+-----------------+------------------------------------------------------+
| 32768   310P3                 | OK              | NA           46                0     / 0             |
| 1       1                     | 0000:81:00.0    | 0            1391 / 43693                            |
+===============================+=================+======================================================+
+-------------------------------+-----------------+------------------------------------------------------+
| NPU     Chip                  | Process id      | Process name             | Process memory(MB)        |
+===============================+=================+======================================================+
| 32768   1                     | 326430          |                          | 108                       |
+===============================+=================+======================================================+
"""
ASCEND_310B = """\
+--------------------------------------------------------------------------------------------------------+
| npu-smi 23.0.0                                   Version: 23.0.0                                       |
+-------------------------------+-----------------+------------------------------------------------------+
| NPU     Name                  | Health          | Power(W)     Temp(C)           Hugepages-Usage(page) |
| Chip    Device                | Bus-Id          | AICore(%)    Memory-Usage(MB)                        |
+===============================+=================+======================================================+
| 0       310B4                 | Alarm           | 0.0          60                15    / 15            |
| 0       0                     | NA              | 0            2436 / 7545                             |
+===============================+=================+======================================================+
"""
ASCEND_910A = """\
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
| 0     910A                | OK            | 67.2        41                15    / 15           |
| 0                         | 0000:C1:00.0  | 0           1966 / 15171      0    / 32768         |
"""
ASCEND_950 = """\
+-------------------------------------------------------------------------------------------------+
| npu-smi 25.7.rc1.7                               Version: 25.7.rc1.7                            |
+--------+------------------+---------------+-----------------------------------------------------+
| NPU ID | Name             | Health        | Power(W)    Temp(C)           Hugepages-Usage(page) |
|        |                  | Bus-Id        | NPU Util(%) Memory-Usage(MB)  HBM-Usage(MB)         |
+========+==================+===============+=====================================================+
| 0      | Ascend950PR      | OK            | 276.0       69                0     / 0             |
|        |                  | 0000:71:00.0  | 99          0    / 0          8824  / 131072        |
+========+==================+===============+=====================================================+
| 3      | Ascend950PR      | Alarm         | 207.7       60                0     / 0             |
|        |                  | 0000:61:00.0  | 0           0    / 0          5413  / 131072        |
+========+==================+===============+=====================================================+
+---------------------------+---------------+-----------------------------------------------------+
| NPU ID                    | Process id    | Process name             | Process memory(MB)       |
+===========================+===============+=====================================================+
| 0                         | 2066378       | pytest                   | 360                     |
+===========================+===============+=====================================================+
| No running processes found in NPU 3                                                             |
+===========================+===============+=====================================================+
"""


def chip(
    device: int,
    npu: int,
    number: int,
    name: str,
    power: float | None,
    temp: float,
    memory: tuple[int, int],
    **more: object,
) -> DeviceState:
    known: dict[str, object] = {"health": "OK", "utilisation": 0.0, "processes": (), "driver": ""}
    return DeviceState(
        device=device,
        npu=npu,
        chip=number,
        name=name,
        power=power,
        temperature=temp,
        memory_used=memory[0],
        memory_total=memory[1],
        **{**known, **more},  # type: ignore[arg-type]
    )


TABLES: dict[str, tuple[str, list[DeviceState]]] = {
    "310": (ASCEND_310, [chip(0, 0, 0, "310", 12.8, 58.0, (5324, 8192), driver="21.0.3.1")]),
    "chips of a card, no banner": (
        FOUR_CHIPS,
        [
            chip(0, 1, 0, "310", 12.8, 49.0, (2621, 8192)),
            chip(1, 1, 1, "310", 12.8, 49.0, (2621, 8192), utilisation=3.0),
        ],
    ),
    "310P3": (NPU_SMI, [chip(0, 0, 0, "310P3", 17.0, 56.0, (934, 23054), driver="22.0.2")]),
    "310P3, wide, no power": (WIDE, [chip(0, 2144, 0, "310P3", None, 47.0, (1807, 21527), driver="22.0.4")]),
    "910B with processes": (
        ASCEND_910B,
        [
            chip(0, 0, 0, "910B1", 100.4, 50.0, (3395, 65536), driver="24.1.0"),
            chip(
                1,
                1,
                0,
                "910B1",
                101.0,
                51.0,
                (41697, 65536),
                driver="24.1.0",
                health="Warning",
                utilisation=7.0,
                processes=("python3.9 (4711)", " (4712)"),
            ),
        ],
    ),
    "A3": (
        A3,
        [chip(0, 0, 0, "Ascend910", 167.9, 36.0, (3139, 65536)), chip(1, 0, 1, "Ascend910", None, 37.0, (2905, 65536))],
    ),
    "910B, process ids in containers": (
        WITH_CONTAINERS,
        [
            chip(
                0,
                0,
                0,
                "910B3",
                100.0,
                50.0,
                (8676, 65536),
                driver="26.1.0",
                processes=("pytest (485946)", "pytest (101)"),
            ),
            chip(1, 1, 0, "910B3", 97.8, 49.0, (3402, 65536), driver="26.1.0"),
        ],
    ),
    "310P3, two chips on a card": (
        DUO,
        [
            chip(0, 32768, 0, "310P3", None, 52.0, (1541, 44278), driver="25.3.rc1"),
            chip(1, 32768, 1, "310P3", None, 46.0, (1391, 43693), driver="25.3.rc1", processes=(" (326430)",)),
        ],
    ),
    "310B": (ASCEND_310B, [chip(0, 0, 0, "310B4", 0.0, 60.0, health="Alarm", memory=(2436, 7545), driver="23.0.0")]),
    "910A": (ASCEND_910A, [chip(0, 0, 0, "910A", 67.2, 41.0, (0, 32768))]),
    "950": (
        ASCEND_950,
        [
            chip(
                0,
                0,
                0,
                "Ascend950PR",
                276.0,
                69.0,
                (8824, 131072),
                utilisation=99.0,
                driver="25.7.rc1.7",
                processes=("pytest (2066378)",),
            ),
            chip(1, 3, 0, "Ascend950PR", 207.7, 60.0, health="Alarm", memory=(5413, 131072), driver="25.7.rc1.7"),
        ],
    ),
}


#: Other spelling of a known table that says the same.
SPELLINGS: dict[str, tuple[str, str, str]] = {
    "capitals": (WITH_CONTAINERS, "Process id in container", "Process ID in Container"),
    "capitals of the process": (WITH_CONTAINERS, "| Process id ", "| Process ID "),
    "no huge pages": (NPU_SMI, "0    / 0 ", "NA   / NA"),
    "no huge pages, 950": (ASCEND_950, "0     / 0 ", "NA    / NA"),
}


@pytest.mark.parametrize("what", SPELLINGS)
def test_parse_other_spelling_gives_the_same(what: str) -> None:
    table, old, new = SPELLINGS[what]
    assert old in table
    assert npu_smi.parse(table.replace(old, new)) == npu_smi.parse(table)


def test_parse_tables_of_before_and_after_gives_both() -> None:
    """Chips are counted from 0 in each, where no column has their number."""
    after = WITH_CONTAINERS.replace("| 0                    0 ", "| 73                   0 ")
    assert npu_smi.parse(f"{WITH_CONTAINERS}{after}") == npu_smi.parse(WITH_CONTAINERS) + npu_smi.parse(after)


#: Values that a table does not tell, and what speaks against a measurement then.
UNTOLD = {
    "load": ("| 0            934 ", "| NA           934 ", "the load of its cores is not known"),
    "health": ("| OK ", "| -- ", "health is --"),
    "memory": ("934  / 23054", "NA   / NA   ", ""),
}


@pytest.mark.parametrize("what", UNTOLD)
def test_value_that_is_not_told_is_no_good_sign(what: str) -> None:
    old, new, problem = UNTOLD[what]
    assert old in NPU_SMI
    (state,) = npu_smi.parse(NPU_SMI.replace(old, new))
    assert state.device_problems() == ([f"device 0 (310P3): {problem}"] if problem else [])


@pytest.mark.parametrize("name", TABLES)
def test_parse_known_table_gives_every_chip(name: str) -> None:
    text, expected = TABLES[name]
    assert npu_smi.parse(text) == expected


#: Change of a table whose processes are then not known of all chips, or of the second one only.
UNKNOWN_PROCESSES: dict[str, tuple[str, str, str, list[bool]]] = {
    "another column": (WITH_CONTAINERS, "| 485946        |", "| 485946 | root |", [True, True]),
    "no number": (WITH_CONTAINERS, "| 485946        |", "| ******        |", [True, True]),
    "no table": (WITH_CONTAINERS, WITH_CONTAINERS[WITH_CONTAINERS.index("| NPU     Chip") :], "", [True, True]),
    "no header": (WITH_CONTAINERS, "| NPU     Chip              | Process id ", "| NPU     Chip  | PID ", [True, True]),
    "of no chip here": (
        WITH_CONTAINERS,
        "| 0       0                 | 485947",
        "| 0       7   | 485947",
        [True, True],
    ),
    "cut short": (WITH_CONTAINERS, "| No running processes found in NPU 1", "+", [False, True]),
    "broken by a message": (
        WITH_CONTAINERS,
        "| 0       0                 | 485947",
        "[ERROR] interrupted\n| 0       0                 | 485947",
        [True, True],
    ),
}


@pytest.mark.parametrize("what", UNKNOWN_PROCESSES)
def test_parse_processes_that_cannot_be_read_are_unknown(what: str) -> None:
    """A reason against a measurement, as a process is."""
    table, old, new, unknown = UNKNOWN_PROCESSES[what]
    assert old in table
    states = npu_smi.parse(table.replace(old, new))
    assert [state.processes is None for state in states] == unknown
    for state in states:
        assert bool(state.device_problems()) == (state.processes != ())
    assert "the processes on it are not known" in states[1].device_problems()[0]


def test_parse_text_after_the_table_is_no_process() -> None:
    text = f"{WITH_CONTAINERS}\nOur figures:\n\n| batch | fps |\n|---|---|\n| 1 | 731 |\n| 4 | 947 | 1.2 | 1107 |\n"
    assert npu_smi.parse(text) == npu_smi.parse(WITH_CONTAINERS)


@pytest.mark.parametrize(
    "text", ["", "hello", "| NPU     Name      | Health |", "\0\n\xff", ASCEND_910B.split("| 0  ")[0]]
)
def test_parse_other_text_gives_one_line_error(text: str) -> None:
    with pytest.raises(InputError, match="somewhere: no table of npu-smi info") as raised:
        npu_smi.parse(text, "somewhere")
    assert "\n" not in str(raised.value)


#: Change of a chip's first row that cannot be read, beside another chip's that can, and words of the error.
UNREADABLE = {
    "padded": ("0    / 0", "0    / 0" + " " * 1000, "a row of more than 1000 characters"),
    "no temperature": (" 56 ", " hot ", "the first row of a chip cannot be read"),
    "a name of two words": ("310P3", "310 P3", "the first row of a chip cannot be read"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_parse_row_that_cannot_be_read_is_an_error(what: str) -> None:
    old, new, words = UNREADABLE[what]
    with pytest.raises(InputError, match=words):
        npu_smi.parse(NPU_SMI + NPU_SMI.replace(old, new, 1))


@pytest.mark.parametrize("lines", [7, 8])
def test_parse_table_cut_short_gives_error(lines: int) -> None:
    text = "\n".join(ASCEND_910B.splitlines()[:lines])
    if lines == 8:
        assert len(npu_smi.parse(text)) == 1
    else:
        with pytest.raises(InputError, match="cut short after NPU 0"):
            npu_smi.parse(text)


@pytest.mark.parametrize(
    ("name", "soc"), [("310", "Ascend310"), ("310P3", "Ascend310P3"), ("910B1", "Ascend910B1"), ("910A", "Ascend910A")]
)
def test_soc_version_of_one_kind_is_atcs_name(name: str, soc: str) -> None:
    assert npu_smi.soc_version(name) == soc


@pytest.mark.parametrize("name", ["Ascend910", "910", "950", "Ascend950PR"])
def test_soc_version_of_a_family_gives_error(name: str) -> None:
    with pytest.raises(InputError, match="Give --soc-version"):
        npu_smi.soc_version(name)


def executable(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_read_states_returns_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table").write_text(ASCEND_910B)
    executable(tmp_path, "npu-smi", f'[ "$1" = info ] && cat {tmp_path / "table"}')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert npu_smi.read_states() == TABLES["910B with processes"][1]
    assert [state.processes for state in npu_smi.read_states(ignored={4711})] == [(), (" (4712)",)]


def test_read_states_missing_or_failing_tool_gives_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendUnavailable, match="npu-smi: not found on the PATH; install the NPU's driver"):
        npu_smi.read_states()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    said = "dcmi model initialized failed, because the device is used. ret is -8020"
    executable(tmp_path, "npu-smi", f"echo '{said}'; echo 'npu get board type failed. ret is -9005'")
    with pytest.raises(Exception, match=f"npu-smi: {said}. Another container holds the device"):
        npu_smi.read_states()
    executable(tmp_path, "npu-smi", "echo dcmi module initialize failed. ret is -8005; exit 1")
    with pytest.raises(Exception, match=r"npu-smi: dcmi module initialize failed. ret is -8005 \(exit code 1\)"):
        npu_smi.read_states()
