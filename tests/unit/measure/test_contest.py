"""Contest: rounds alternate, both minimums are reached, threads of one round run at once."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from enet.measure.contest import Contest, TimingSettings, Workload


def test_contest_rounds_alternate() -> None:
    """Each workload is first in every second round; warm-up is not kept."""
    log: list[str] = []
    workloads = [Workload(lambda _, name=name: log.append(name), images=2) for name in "ab"]  # type: ignore[misc]
    with Contest(workloads) as contest:
        contest.warm_up(0)
        assert log == ["a", "b"]
        contest.run(TimingSettings(min_seconds=0, min_rounds=4))
    assert "".join(log[2:]) == "abbaabba"
    first, second = contest.times()
    assert len(first.rounds) == len(second.rounds) == len(first.executions) == 4
    assert first.images == 2


def test_contest_reaches_both_minimums(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def advance(seconds: float) -> None:
        now[0] += seconds

    clock = SimpleNamespace(perf_counter=lambda: now[0], sleep=advance)
    monkeypatch.setattr("enet.measure.contest.time", clock)
    slow, quick = Workload(lambda _: advance(0.02), 1), Workload(lambda _: advance(0.001), 1)
    with Contest([slow, quick]) as contest:
        contest.run(TimingSettings(min_seconds=0.0495, min_rounds=5))
        assert [len(times.rounds) for times in contest.times()] == [50, 50]
    with Contest([slow, quick]) as contest:
        contest.run(TimingSettings(min_seconds=0.0495, min_rounds=1), paired=False)
    assert [len(rounds) for rounds in contest.rounds] == [3, 50]


def test_contest_executions_of_a_round_run_at_once() -> None:
    barrier = threading.Barrier(3, timeout=300)
    with Contest([Workload(lambda _: barrier.wait(), images=4, executions=3, threads=3)]) as contest:
        contest.run(TimingSettings(min_seconds=0, min_rounds=2))
        (found,) = contest.times()
    assert (found.images, len(found.rounds), len(found.executions)) == (12, 2, 6)


def test_contest_inputs_are_prepared_and_results_accepted_outside_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds have numbers, those of the warm-up below 0; the results of the warm-up are not accepted."""
    now = [0.0]
    log: list[Any] = []

    def advance(seconds: float) -> None:
        now[0] += seconds

    def inputs(number: int) -> list[str]:
        advance(10)
        return [f"{number}a", f"{number}b"]

    def execute(given: str) -> str:
        advance(1)
        return given.upper()

    def accept(number: int, results: list[str]) -> None:
        advance(100)
        log.append((number, results))

    monkeypatch.setattr("enet.measure.contest.time", SimpleNamespace(perf_counter=lambda: now[0], sleep=lambda _: None))
    with Contest([Workload(execute, images=1, executions=2, inputs=inputs, accept=accept)]) as contest:
        contest.warm_up(2 * 12)
        assert now == [24]
        contest.run(TimingSettings(min_seconds=0, min_rounds=2))
    assert log == [(0, ["0A", "0B"]), (1, ["1A", "1B"])]
    assert (contest.rounds, contest.executions) == ([[2, 2]], [[1, 1, 1, 1]])
