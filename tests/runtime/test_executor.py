import gc
import signal
import sys
import threading
import weakref

import pytest
from waiting import until

from hugot.errors import CancelledError
from hugot.runtime.executor import Executor, Job

TIMEOUT = 10


class Recorder:
    """Work that notes which groups it ran, and on which threads."""

    def __init__(self, fail_at=None):
        self.ran = []
        self.threads = set()
        self.fail_at = fail_at

    def __call__(self, group):
        self.ran.append(group)
        self.threads.add(threading.current_thread())
        if group == self.fail_at:
            raise ValueError(f"group {group}")


class Blocker:
    """Work that waits in every group until it is let go."""

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.ran = []

    def __call__(self, group):
        self.ran.append(group)
        self.begun.release()
        assert self.go.wait(TIMEOUT)

    def wait_until_begun(self, groups=1):
        for _ in range(groups):
            assert self.begun.acquire(timeout=TIMEOUT)


def job_of(work, groups, stop=lambda: None, on_done=lambda: None):
    return Job(work, groups, stop, on_done)


def in_thread(call):
    """Start a call in a thread, which the test must bring to its end."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def ends(thread):
    thread.join(TIMEOUT)
    return not thread.is_alive()


@pytest.fixture
def executor(request):
    """An executor of two workers, or of as many as the test asks for."""
    made = Executor(getattr(request, "param", 2))
    yield made
    made.close()


def worker_threads():
    return [each for each in threading.enumerate() if each.name.startswith("hugot-worker")]


# A job


def test_a_job_runs_its_groups_in_their_order():
    work = Recorder()
    job = job_of(work, "abc")
    assert [job.run_one() for _ in range(4)] == [True, True, True, False]
    assert work.ran == ["a", "b", "c"]


def test_the_length_of_a_job_is_the_number_of_groups_that_have_not_begun():
    job = job_of(Recorder(), "abc")
    job.run_one()
    assert len(job) == 2


def test_a_job_without_groups_is_done_from_the_start():
    done = []
    job_of(Recorder(), "", on_done=lambda: done.append(1)).wait()
    assert done == [1]


def test_a_job_is_done_once_when_its_last_group_ends():
    done = []
    job = job_of(Recorder(), "ab", on_done=lambda: done.append(1))
    job.run_one()
    assert done == []
    job.run_one()
    job.wait()
    job.cancel()
    assert done == [1]


def test_waiting_for_a_job_raises_the_error_of_a_group():
    job = job_of(Recorder(fail_at="b"), "abc")
    while job.run_one():
        pass
    with pytest.raises(ValueError, match="group b"):
        job.wait()


def test_an_error_drops_the_groups_that_have_not_begun():
    work = Recorder(fail_at="b")
    done = []
    job = job_of(work, "abcd", on_done=lambda: done.append(1))
    while job.run_one():
        pass
    assert (work.ran, done) == (["a", "b"], [1])


def test_of_several_errors_the_first_is_raised():
    slow = Blocker()

    def fail(group):
        if group == "begins first":
            slow(group)
        raise ValueError(group)

    job = job_of(fail, ["begins first", "fails first"])
    running = in_thread(job.run_one)
    slow.wait_until_begun()
    job.run_one()
    slow.go.set()
    assert ends(running)
    with pytest.raises(ValueError, match="fails first"):
        job.wait()


def test_an_error_of_one_group_does_not_end_the_wait_for_another_that_runs():
    slow, done = Blocker(), []
    work = Recorder(fail_at="b")
    job = job_of(
        lambda group: slow(group) if group == "a" else work(group),
        "ab",
        on_done=lambda: done.append(1),
    )
    running = in_thread(job.run_one)
    slow.wait_until_begun()
    job.run_one()
    assert done == []
    slow.go.set()
    assert ends(running)
    assert done == [1]


def test_even_an_exit_in_a_group_reaches_the_caller():
    def leave(group):
        raise SystemExit(group)

    job = job_of(leave, "a")
    job.run_one()
    with pytest.raises(SystemExit, match="a"):
        job.wait()


# Cancelling


def test_cancelling_drops_the_groups_that_have_not_begun():
    work, done = Recorder(), []
    job = job_of(work, "abc", on_done=lambda: done.append(1))
    job.run_one()
    job.cancel()
    assert (job.run_one(), work.ran, done) == (False, ["a"], [1])


def test_cancelling_stops_what_runs_and_returns_when_it_has_ended():
    work, done = Blocker(), []
    job = job_of(work, "ab", stop=work.go.set, on_done=lambda: done.append(1))
    running = in_thread(job.run_one)
    work.wait_until_begun()
    job.cancel()
    assert (work.ran, done) == (["a"], [1])
    assert ends(running)


def test_cancelling_a_job_that_is_done_stops_nothing():
    stopped = []
    job = job_of(Recorder(), "a", stop=lambda: stopped.append(1))
    job.run_one()
    job.cancel()
    assert stopped == []


def test_a_job_that_is_cancelled_while_it_is_being_cancelled_is_done_once():
    stopped, done = [], []

    def stop():
        stopped.append(1)
        if len(stopped) == 1:
            job.cancel()

    job = job_of(Recorder(), "a", stop=stop, on_done=lambda: done.append(1))
    job.cancel()
    assert done == [1]


def test_two_threads_may_cancel_a_job():
    work, done = Blocker(), []
    job = job_of(work, "abc", stop=work.go.set, on_done=lambda: done.append(1))
    running = in_thread(job.run_one)
    work.wait_until_begun()
    cancelling = [in_thread(job.cancel) for _ in range(2)]
    assert all(ends(thread) for thread in [running, *cancelling])
    assert done == [1]


def test_a_worker_that_cancels_the_job_that_it_runs_does_not_wait_for_itself(executor):
    # As the garbage collector does if it finds an abandoned stream in the middle of a group.
    ended = threading.Event()
    job = job_of(lambda group: job.cancel(), [0, 1, 2], on_done=ended.set)
    executor.start(job, 3)
    assert ended.wait(TIMEOUT)
    with pytest.raises(CancelledError):
        job.wait()


def is_waiting(thread):
    """Whether a thread is within what `Job.wait` calls."""
    frame = sys._current_frames()[thread.ident]
    while frame.f_back is not None:
        if frame.f_back.f_code is Job.wait.__code__:
            return True
        frame = frame.f_back
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="a wait there does not end with a signal")
def test_an_interrupt_of_the_waiting_caller_cancels_the_job(executor):
    work, caller = Blocker(), threading.current_thread()
    job = job_of(work, range(100), stop=work.go.set)

    def interrupt():
        work.wait_until_begun(2)
        while not is_waiting(caller):
            work.go.wait(0.001)
        # A signal that comes just before the wait does not end it; the next one does.
        while not work.go.is_set():
            signal.pthread_kill(caller.ident, signal.SIGINT)
            work.go.wait(1)

    executor.start(job, len(job))
    # A shell that starts a program in the background has it ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupting = in_thread(interrupt)
        with pytest.raises(KeyboardInterrupt):
            job.wait()
        assert ends(interrupting)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(work.ran) == 2


# The executor


@pytest.mark.parametrize("executor", [1, 2, 5], indirect=True, ids=str)
@pytest.mark.parametrize("groups", [0, 1, 2, 3, 200])
def test_an_executor_runs_every_group_of_a_job_once(executor, groups):
    work = Recorder()
    job = job_of(work, range(groups))
    executor.start(job, len(job))
    job.wait()
    assert sorted(work.ran) == list(range(groups))


def test_an_executor_runs_as_many_groups_at_once_as_it_has_workers(executor):
    together = threading.Barrier(2, timeout=TIMEOUT)
    job = job_of(lambda group: together.wait(), range(20))
    executor.start(job, len(job))
    job.wait()


def test_an_executor_runs_no_more_groups_at_once_than_it_has_workers(executor):
    lock, inside, most = threading.Lock(), 0, 0

    def work(group):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        with lock:
            inside -= 1

    jobs = [job_of(work, range(100)) for _ in range(5)]
    for job in jobs:
        executor.start(job, len(job))
    for job in jobs:
        job.wait()
    assert most <= 2


@pytest.mark.parametrize("executor", [1], indirect=True, ids=str)
def test_a_short_job_is_not_stuck_behind_a_long_one(executor):
    blocker, order = Blocker(), []

    def long(group):
        blocker(group)
        order.append("long")

    jobs = [job_of(long, range(10)), job_of(lambda group: order.append("short"), range(2))]
    executor.start(jobs[0], len(jobs[0]))
    blocker.wait_until_begun()
    executor.start(jobs[1], len(jobs[1]))
    blocker.go.set()
    for job in jobs:
        job.wait()
    assert order[:4] == ["long", "short", "long", "short"]


def test_an_error_of_one_job_does_not_touch_another(executor):
    failing, sound = job_of(Recorder(fail_at=3), range(50)), Recorder()
    other = job_of(sound, range(50))
    executor.start(failing, len(failing))
    executor.start(other, len(other))
    other.wait()
    with pytest.raises(ValueError, match="group 3"):
        failing.wait()
    assert sorted(sound.ran) == list(range(50))


def test_a_worker_outlives_a_group_that_fails(executor):
    failing = job_of(Recorder(fail_at=0), range(1))
    executor.start(failing, len(failing))
    with pytest.raises(ValueError, match="group 0"):
        failing.wait()
    work = Recorder()
    job = job_of(work, range(10))
    executor.start(job, len(job))
    job.wait()
    assert len(work.ran) == 10


def test_an_executor_starts_its_threads_with_its_first_job_and_keeps_them():
    before = set(worker_threads())
    executor = Executor(3)
    assert set(worker_threads()) == before
    work = Recorder()
    for _ in range(5):
        job = job_of(work, range(50))
        executor.start(job, len(job))
        job.wait()
    assert len(set(worker_threads()) - before) == 3
    assert work.threads <= set(worker_threads())
    executor.close()


def test_closing_an_executor_ends_its_threads():
    executor, work = Executor(2), Recorder()
    job = job_of(work, range(50))
    executor.start(job, len(job))
    job.wait()
    executor.close()
    assert not any(thread.is_alive() for thread in work.threads)


def test_an_executor_may_be_closed_twice_and_without_a_job():
    executor = Executor(2)
    executor.close()
    executor.close()


def test_an_executor_that_is_forgotten_ends_its_threads():
    executor, work = Executor(2), Recorder()
    job = job_of(work, range(50))
    executor.start(job, len(job))
    job.wait()
    gone = weakref.ref(executor)
    del executor
    gc.collect()
    assert gone() is None
    assert not any(thread.is_alive() for thread in work.threads)


def test_idle_workers_keep_nothing_of_the_jobs_that_are_done(executor):
    work = Recorder()
    gone = weakref.ref(work)
    job = job_of(work, range(50))
    executor.start(job, len(job))
    job.wait()
    del work, job
    # Without the GIL, a thread that waits outside of Python keeps what it made: `until` does not.
    until(lambda: gone() is None)
