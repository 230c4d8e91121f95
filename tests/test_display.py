"""What a run shows while it works, where there is no terminal."""

import io

import pytest
from rich.console import Console

from neuroinv import display
from neuroinv.experiment import Event


@pytest.fixture
def lines(monkeypatch):
    """Plain lines for 100 updates, of events at given seconds."""

    def shown(*events: tuple[float, Event]) -> list[str]:
        clock = iter([0.0, *(at for at, _ in events)])
        monkeypatch.setattr(display.time, "perf_counter", lambda: next(clock))
        written = io.StringIO()
        with display.listening(Console(file=written, width=110), 100, True) as listen:
            for _, event in events:
                listen(event)
        return written.getvalue().splitlines()

    return shown


def test_plain_lines_show_what_is_measured_and_the_time_left(lines):
    gap = {"dev": 7.0, "gap": 0.05}
    assert lines(
        (1.0, Event("compiling")),
        (5.0, Event("training", 10, gap)),
        (6.0, Event("training", 20, gap)),  # too soon for another line
        (25.0, Event("training", 60, gap)),  # 50 updates took 20 seconds, 40 are left
        (41.0, Event("training", 100, gap)),
        (42.0, Event("scoring")),
    ) == [
        "    1.0 s  compiling",
        "    5.0 s  training 10/100  dev 7.0000  gap +5.00%",
        "   25.0 s  training 60/100  dev 7.0000  gap +5.00%  0:00:16 left",
        "   41.0 s  training 100/100  dev 7.0000  gap +5.00%",
        "   42.0 s  scoring",
    ]


def test_a_policy_that_learns_nothing_any_more_is_not_passed_over(lines):
    dead = {"dev": 45.0, "gap": 7.2, "lost": 1.0}
    assert lines((1.0, Event("training", 100, dead))) == [
        "    1.0 s  training 100/100  dev 45.0000  gap +720.00%  "
        "no seed learns any more: lower algorithm.learning_rate"
    ]


def test_the_time_left_is_that_of_the_training_under_way(lines):
    """A policy trained for comparison comes first; a resumed run begins after its first step."""
    share = {"dev": 80.0, "share": 0.825}
    assert lines(
        (0.0, Event("training", 50, share)),
        (90.0, Event("training", 100, share)),
        (91.0, Event("compiling")),
        (100.0, Event("training", 70, share)),
        (110.0, Event("training", 80, share)),
    )[-2:] == [
        "  100.0 s  training 70/100  dev 80.0000  share of bound 82.50%",
        "  110.0 s  training 80/100  dev 80.0000  share of bound 82.50%  0:00:20 left",
    ]
