"""Contest: rounds alternate, both minimums are reached, threads of one round run at once."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from enet.measure.contest import Contest, TimingSettings, Workload


def test_contest_rounds_alternate() -> None:
    """Each workload is first in every second round; warm-up is not kept."""
    log: list[str] = []
    workloads = [Workload(lambda name=name: log.append(name), images=2) for name in "ab"]  # type: ignore[misc]
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
    slow, quick = Workload(lambda: advance(0.02), 1), Workload(lambda: advance(0.001), 1)
    with Contest([slow, quick]) as contest:
        contest.run(TimingSettings(min_seconds=0.0495, min_rounds=5))
        assert [len(times.rounds) for times in contest.times()] == [50, 50]
    with Contest([slow, quick]) as contest:
        contest.run(TimingSettings(min_seconds=0.0495, min_rounds=1), paired=False)
    assert [len(rounds) for rounds in contest.rounds] == [3, 50]


def test_contest_executions_of_a_round_run_at_once() -> None:
    barrier = threading.Barrier(3, timeout=300)
    with Contest([Workload(barrier.wait, images=4, executions=3, threads=3)]) as contest:
        contest.run(TimingSettings(min_seconds=0, min_rounds=2))
        (found,) = contest.times()
    assert (found.images, len(found.rounds), len(found.executions)) == (12, 2, 6)
