import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphml.tables.synthetic.clock import DAY, DAYS, HOUR, Clock, hour_of, is_workday

CLOCK = Clock(np.random.default_rng(4))
times = st.integers(CLOCK.start - 400 * DAY, CLOCK.end + 400 * DAY)


@given(low=times, length=st.integers(0, 500 * DAY), seed=st.integers(0, 9))
def test_a_drawn_time_lies_in_its_interval_and_in_the_window(low, length, seed):
    high = low + length
    drawn = int(CLOCK.draw(np.random.default_rng(seed), np.array([low]), np.array([high]))[0])

    assert CLOCK.start <= drawn < CLOCK.end
    if CLOCK.start <= low and low + 1_000 < high <= CLOCK.end:
        assert low <= drawn <= high


def test_drawn_times_follow_the_rhythm_of_the_window():
    low, high = np.full(40_000, CLOCK.start), np.full(40_000, CLOCK.end)
    drawn = CLOCK.draw(np.random.default_rng(1), low, high)

    by_hour = np.bincount(hour_of(drawn), minlength=24)
    assert by_hour[20] > 8 * by_hour[3]
    assert 0.64 < is_workday(drawn).mean() < 5 / 7
    assert len(np.unique(drawn // DAY)) == DAYS


def test_hours_and_workdays_are_those_of_the_calendar():
    monday = CLOCK.start

    assert hour_of(np.array([monday, monday + 5 * HOUR])).tolist() == [0, 5]
    week = monday + np.arange(7) * DAY
    assert is_workday(week).tolist() == [True] * 5 + [False] * 2
