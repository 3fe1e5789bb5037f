"""Outcome of checks: exact limits, what is missing, and what a verdict says in words and in JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from enet.gates.base import (
    LIMITED,
    Check,
    Outcome,
    Verdict,
    decide,
    first_reason,
    informational,
    missing_images,
    no_evidence,
    provenance_problem,
    signed,
)
from tests.unit import recipes

NAN = float("nan")


@pytest.mark.parametrize(
    ("measured", "low", "high", "ok", "margin"),
    [
        (5.0, 5.0, 9.0, True, 0.0),
        (math.nextafter(5.0, 0), 5.0, 9.0, False, pytest.approx(0.0)),
        (9.0, 5.0, 9.0, True, 0.0),
        (math.nextafter(9.0, 10), 5.0, 9.0, False, pytest.approx(0.0)),
        (6.0, 5.0, 9.0, True, 1.0),
        (8.5, 5.0, 9.0, True, 0.5),
        (4.0, 5.0, 9.0, False, -1.0),
        (11.0, 5.0, 9.0, False, -2.0),
        (11.0, 5.0, None, True, 6.0),
        (4.0, 5.0, None, False, -1.0),
        (4.0, None, 9.0, True, 5.0),
        (11.0, None, 9.0, False, -2.0),
        (-1e300, None, None, True, None),
    ],
)
def test_check_at_the_limit_passes_just_beyond_fails(
    measured: float, low: float | None, high: float | None, ok: bool, margin: float | None
) -> None:
    check = Check(measured=measured, unit="%", low=low, high=high)
    assert (check.ok, check.margin) == (ok, margin)


@pytest.mark.parametrize(
    ("measured", "low", "high", "ok"),
    [
        (NAN, 0.0, None, False),
        (NAN, None, 1.0, False),
        (NAN, None, None, True),
        (math.inf, 0.0, None, True),
        (math.inf, None, 1.0, False),
        (-math.inf, 0.0, None, False),
    ],
)
def test_check_of_nan_fails_any_limit(measured: float, low: float | None, high: float | None, ok: bool) -> None:
    assert Check(measured=measured, unit="x", low=low, high=high).ok == ok


GOOD, OTHER = Check(measured=1, unit="%", low=0), Check(measured=2, unit="pp")
BAD, WORSE = Check(measured=-1, unit="%", low=0), Check(measured=9, unit="x", high=0)


@pytest.mark.parametrize(
    ("checks", "missing", "outcome", "shown", "sentence"),
    [
        ([GOOD], None, Outcome.PASS, GOOD, "found"),
        ([GOOD, OTHER], None, Outcome.PASS, GOOD, "found"),
        ([GOOD, BAD], None, Outcome.FAIL, BAD, "found"),
        ([BAD, GOOD], None, Outcome.FAIL, BAD, "found"),
        ([GOOD, WORSE, BAD], None, Outcome.FAIL, WORSE, "found"),
        ([GOOD], "3 missing", Outcome.NO_EVIDENCE, GOOD, "found; 3 missing"),
        ([GOOD, BAD], "3 missing", Outcome.FAIL, BAD, "found"),
    ],
)
def test_decide_fails_before_it_is_incomplete_and_passes_only_complete(
    checks: list[Check], missing: str | None, outcome: Outcome, shown: Check, sentence: str
) -> None:
    verdict = decide("parity", checks, sentence.split(";")[0], missing, ["a note"], {"n": 1.0})
    assert verdict == Verdict(
        gate="parity",
        outcome=outcome,
        sentence=sentence,
        check=shown,
        numbers={"n": 1.0},
        notes=("a note",),
        incomplete=outcome is Outcome.NO_EVIDENCE,
    )
    assert verdict.measured == shown.measured
    assert decide("parity", checks, "found", missing).numbers == {}


@pytest.mark.parametrize(("build", "outcome"), [(no_evidence, "NO EVIDENCE"), (informational, "INFO")])
def test_verdicts_without_a_decision(build: Callable[..., Verdict], outcome: str) -> None:
    verdict = build("miou", "a reason", OTHER)
    assert (str(verdict), verdict.gate, verdict.sentence) == (f"{outcome} miou: a reason", "miou", "a reason")
    assert (verdict.check, verdict.measured, verdict.incomplete) == (OTHER, 2, False)
    bare = build("miou", "a reason")
    assert (bare.check, bare.measured, bare.numbers, bare.notes, bare.caveats) == (None, None, {}, (), ())


def test_outcomes_are_named_as_in_the_documentation() -> None:
    assert [outcome.value for outcome in Outcome] == ["PASS", "FAIL", "NO EVIDENCE", "INFO"]


@pytest.mark.parametrize(
    ("check", "figures"),
    [
        (Check(measured=1.5, unit="x", low=1.0, high=3.0), (1.5, 1.0, 3.0, 0.5, "x")),
        (Check(measured=0.0, unit="pp", high=0.0), (0.0, None, 0.0, 0.0, "pp")),
        (Check(measured=NAN, unit="%", low=1.0), (None, 1.0, None, None, "%")),
        (Check(measured=math.inf, unit="%"), (None, None, None, None, "%")),
        (None, (None,) * 5),
    ],
)
def test_verdict_in_json_has_numbers_or_null(check: Check | None, figures: tuple[Any, ...]) -> None:
    verdict = Verdict(
        gate="miou",
        outcome=Outcome.PASS,
        sentence="found",
        check=check,
        numbers={"n": 1.0},
        notes=("note",),
        caveats=("model not proven",),
    )
    assert str(verdict) == "PASS miou: found; note; model not proven"
    assert verdict.to_json() == {
        "gate": "miou",
        "outcome": "PASS",
        **dict(zip(("measured", "low", "high", "margin", "unit"), figures, strict=True)),
        "sentence": "found",
        "notes": ["note"],
        "caveats": ["model not proven"],
        "numbers": {"n": 1.0},
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "+0.0000"), (-0.00004, "+0.0000"), (-0.00006, "-0.0001"), (0.25, "+0.2500"), (0.12345678, "+0.1235")],
)
def test_signed_has_four_decimals_and_no_negative_zero(value: float, text: str) -> None:
    assert signed(value) == text


def test_first_reason_is_the_first_that_holds() -> None:
    assert first_reason((0, "a"), ("yes", "b"), (True, "c")) == "b"
    assert first_reason((False, "a"), (None, "b")) is None
    assert first_reason() is None


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({}, None),
        ({"limited": True}, None),
        ({"missing_reason": "no run", "simulated": True}, "no run"),
        (
            {"simulated": True, "devices_before": (recipes.device_state(health="Alarm"),)},
            "measured on a simulated device",
        ),
        (
            {"devices_before": (recipes.device_state(health="Alarm", temperature=99.0, utilisation=40.0),)},
            "device 0 (310P3): health is Alarm, device 0 (310P3): 99 °C, expected at most 85 and 1 more "
            "(--allow-busy-device accepts that)",
        ),
        ({"devices_after": (recipes.device_state(health="Alarm"),), "allow_busy": True}, None),
    ],
)
def test_provenance_problem_names_the_first(where: dict[str, Any], reason: str | None) -> None:
    assert provenance_problem(recipes.provenance(**where)) == reason


@pytest.mark.parametrize(
    ("count", "limited", "reason"),
    [
        (20, False, None),
        (21, False, None),
        (20, True, LIMITED),
        (19, False, "1 of 20 images missing"),
        (0, True, "20 of 20 images missing"),
    ],
)
def test_missing_images_counts_before_it_names_the_limit(count: int, limited: bool, reason: str | None) -> None:
    assert missing_images([str(n) for n in range(count)], 20, limited) == reason
