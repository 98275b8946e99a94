"""The one bridge between Qt-free jobs and napari's thread workers."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from dataclasses import dataclass

import pytest

from napari_cellsim.base import CellSimError, Event, JobCancelled, Progress
from napari_cellsim.gui.job_bar import JobBar, format_seconds
from napari_cellsim.gui.jobs import EventSlot, JobError, running_jobs, seconds_left, start_job


@dataclass(frozen=True)
class Frame(Event):
    number: int


def counting(token, turns=5, pause=0.0):
    for turn in range(turns):
        yield Progress(turn + 1, turns)
        yield Frame(turn)
        time.sleep(pause)
    return turns


def test_result_and_thread(qtbot):
    threads = []

    def job(token):
        threads.append(threading.current_thread())
        yield Progress(1, 1)
        return 42

    handle = start_job(job, "Test")
    assert handle.status == "running"
    assert handle.wait(10) == 42
    assert handle.status == "succeeded"
    assert threads[0] is not threading.main_thread()
    assert running_jobs() == []


def test_plain_function_is_a_job_too(qtbot):
    assert start_job(lambda token: "done", "Test").wait(10) == "done"


def test_events_arrive_on_the_gui_thread_and_kept_ones_all(qtbot):
    seen = []
    handle = start_job(lambda token: counting(token, 200), "Test", keep=(Frame,))
    handle.happened.connect(lambda event: seen.append((event, threading.current_thread())))
    handle.wait(20)
    assert [event.number for event, _ in seen if isinstance(event, Frame)] == list(range(200))
    progress = [event.done for event, _ in seen if isinstance(event, Progress)]
    assert progress[-1] == 200
    assert progress == sorted(progress)
    assert len(progress) < 200, "intermediate progress is overwritten, not queued"
    assert all(thread is threading.main_thread() for _, thread in seen)


def test_slot_keeps_order():
    slot = EventSlot(keep=(Frame,))
    for event in (Progress(0, 2), Frame(0), Progress(1, 2), Frame(1)):
        slot.put(event)
    assert slot.take() == [Frame(0), Progress(1, 2), Frame(1)]
    assert slot.take() == []


def test_runtime_error_is_not_swallowed(qtbot):
    def job(token):
        yield Progress(0, 1)
        raise RuntimeError("shapes do not match\nlong C++ trace")

    handle = start_job(job, "Forecast of movie")
    with pytest.raises(JobError, match=r"^Forecast of movie failed: shapes do not match$"):
        handle.wait(10)
    assert isinstance(handle.error.__cause__, RuntimeError)
    assert handle.status == "failed"


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (MemoryError(), "computer ran out of memory; choose fewer pictures, then run again."),
        (
            RuntimeError("CUDA out of memory"),
            "graphics card ran out of memory; choose fewer pictures, or set Device to cpu, then run again.",
        ),
    ],
)
def test_a_full_memory_is_met_with_the_advice_of_the_job(qtbot, error, end):
    def job(token):
        raise error

    with pytest.raises(CellSimError) as caught:
        start_job(job, "Generating", relief="choose fewer pictures").wait(10)
    assert str(caught.value).endswith(end)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "computer ran out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"), "graphics card ran out of memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "computer ran out of memory",
        ),
        (OSError("[WinError 1114] ... Error loading c10.dll"), "Visual C\\+\\+"),
        (CellSimError("The layer is empty; choose another."), "^The layer is empty"),
    ],
)
def test_errors_people_can_mend_are_one_sentence(qtbot, error, words):
    def job(token):
        yield Progress(0, 1)
        raise error

    with pytest.raises(CellSimError, match=words) as caught:
        start_job(job, "Forecast").wait(10)
    assert "\n" not in str(caught.value)


def test_unforeseen_errors_keep_their_class(qtbot):
    def job(token):
        raise KeyError("x")
        yield

    with pytest.raises(KeyError):
        start_job(job, "Test").wait(10)


def test_cancel_between_events_runs_finally_in_the_worker(qtbot):
    ended_in = []

    def job(token):
        try:
            while True:
                yield Progress(0, 0)
                time.sleep(0.005)
        finally:
            ended_in.append(threading.current_thread())

    handle = start_job(job, "Test")
    qtbot.wait(100)
    handle.cancel()
    with pytest.raises(JobCancelled):
        handle.wait(10)
    assert handle.status == "cancelled"
    assert ended_in[0] is not threading.main_thread()


def test_cancel_inside_a_long_step(qtbot):
    def job(token):
        yield Progress(0, 1)
        while True:
            token.check()
            time.sleep(0.005)

    handle = start_job(job, "Test")
    qtbot.wait(100)
    handle.cancel()
    with pytest.raises(JobCancelled):
        handle.wait(10)


def test_wait_times_out_and_the_job_goes_on(qtbot):
    handle = start_job(lambda token: counting(token, 20, 0.02), "Test")
    with pytest.raises(TimeoutError):
        handle.wait(0.05)
    assert handle.wait(20) == 20


def test_finished_job_lets_its_data_go(qtbot):
    class Data:
        pass

    data = Data()
    gone = weakref.ref(data)

    def make(held):
        def job(token):
            yield Progress(1, 1)
            return len(str(held))

        return job

    handle = start_job(make(data), "Test")
    del data
    handle.wait(10)
    gc.collect()
    assert gone() is None


def test_closing_the_viewer_cancels(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    handle = start_job(lambda token: counting(token, 10_000, 0.01), "Test")
    qtbot.wait(100)
    viewer.close()
    qtbot.waitUntil(lambda: handle.status == "cancelled", timeout=10_000)


def test_bar_shows_progress_time_left_and_result(qtbot):
    bar = JobBar("test")
    qtbot.addWidget(bar)
    assert bar.bar.isHidden()
    handle = start_job(lambda token: counting(token, 10, 0.05), "Counting")
    bar.follow(handle)
    qtbot.waitUntil(lambda: "left" in bar.message, timeout=5000)
    assert not bar.bar.isHidden()
    handle.wait(10)
    assert bar.bar.isHidden()
    assert bar.message.startswith("Counting finished")
    assert bar.job is None


def test_bar_cancel_button(qtbot):
    bar = JobBar("test")
    qtbot.addWidget(bar)
    handle = start_job(lambda token: counting(token, 10_000, 0.01), "Counting")
    bar.follow(handle)
    qtbot.wait(100)
    bar.cancel_button.click()
    assert not bar.cancel_button.isEnabled()
    qtbot.waitUntil(lambda: handle.status == "cancelled", timeout=10_000)
    assert bar.message == "Counting was cancelled."


def test_bar_shows_one_sentence(qtbot):
    bar = JobBar("test")
    qtbot.addWidget(bar)

    def job(token):
        raise CellSimError("Layer 'x' has no time axis; choose a movie.")

    bar.follow(start_job(job, "Test"))
    qtbot.waitUntil(lambda: bar.job is None, timeout=5000)
    assert bar.message == "⚠ Layer 'x' has no time axis; choose a movie."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "under a second"), (40, "40 s"), (200, "3 min"), (4800, "1 h 20 min")],
)
def test_durations_in_words(seconds, words):
    assert format_seconds(seconds) == words


def test_time_left():
    assert seconds_left(Progress(2, 10, seconds_left=3.0), 100.0) == 3.0
    assert seconds_left(Progress(2, 10), 4.0) == pytest.approx(16.0)
    assert seconds_left(Progress(0, 10), 4.0) is None


def test_finishing_touches_take_turns_with_the_event_loop(qtbot):
    from qtpy.QtCore import QTimer

    done, threads, ticks = [], set(), []

    def finish(result):
        for step in range(3):
            done.append((result, step))
            threads.add(threading.current_thread())
            yield

    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(len(done)))
    timer.start(0)
    handle = start_job(lambda token: "result", "Test", finish=finish)
    handle.finished.connect(lambda: done.append("finished"))
    assert handle.wait(10) == "result"
    timer.stop()
    assert done == [("result", 0), ("result", 1), ("result", 2), "finished"]
    assert threads == {threading.main_thread()}
    assert {1, 2} <= set(ticks), "other events are served between two steps"


def test_error_in_a_finishing_touch_is_told(qtbot):
    def finish(result):
        yield
        raise ValueError("cannot be shown")

    handle = start_job(lambda token: None, "Test", finish=finish)
    with pytest.raises(ValueError, match="cannot be shown"):
        handle.wait(10)
    assert handle.status == "failed"
