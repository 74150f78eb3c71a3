"""Counters of a pipeline, and a histogram of fixed size for the duration of its calls.

Each call updates the counters several times, so that an update has to be fast; it takes some tens of
nanoseconds. No method releases the GIL; in free-threaded Python, a critical section replaces it.

The histogram is log-linear, like HdrHistogram (Gil Tene): each octave, from one power of two to the
next, has the same number of buckets of equal width. The middle of a bucket differs from each time in the
bucket by at most 1 / (2 * STEPS) of that time, which is 3.1 %.
"""

cimport cython
from libc.math cimport frexp
from libc.stdint cimport int64_t
from libc.string cimport memset

cdef enum:
    STEPS = 16              # buckets per octave
    FIRST = 10              # the first bucket ends at 2 ** FIRST nanoseconds, 1 us
    OCTAVES = 34            # up to 2 ** 44 nanoseconds, 4.9 hours
    BUCKETS = 545           # 1 + STEPS * OCTAVES, which a build with overflow checks does not fold

cdef enum:
    TOKENIZATION = 0
    INFERENCE = 1
    POSTPROCESSING = 2
    STAGES = 3

STEPS_PER_OCTAVE = STEPS


cdef struct Counters:
    double[STAGES] seconds
    int64_t[STAGES] runs
    int64_t calls, texts, truncated, not_finite, rows, tokens, padded_tokens, cancelled, rejected
    int64_t answered
    double answered_seconds
    double longest
    int64_t[BUCKETS] buckets


def bounds():
    """Return the upper bound of each bucket in seconds; the last bucket also counts longer times."""
    cdef int octave, step
    return [2.0 ** FIRST / 1e9] + [
        (STEPS + step + 1) * 2.0 ** (FIRST + octave) / STEPS / 1e9
        for octave in range(OCTAVES) for step in range(STEPS)
    ]


@cython.final
cdef class Recorder:
    """Counters of one pipeline; safe to use from many threads."""

    cdef Counters counters
    cdef dict errors

    def __cinit__(self):
        self.errors = {}
        memset(&self.counters, 0, sizeof(Counters))

    def tokenized(self, double seconds, Py_ssize_t texts, Py_ssize_t truncated):
        """Count a batch of texts that was tokenized, of which `truncated` were truncated."""
        with cython.critical_section(self):
            self._add(TOKENIZATION, seconds)
            self.counters.texts += texts
            self.counters.truncated += truncated

    def ran(self, double seconds, Py_ssize_t rows, Py_ssize_t tokens, Py_ssize_t padded_tokens):
        """Count a group of rows that was run."""
        with cython.critical_section(self):
            self._add(INFERENCE, seconds)
            self.counters.rows += rows
            self.counters.tokens += tokens
            self.counters.padded_tokens += padded_tokens

    def postprocessed(self, double seconds, Py_ssize_t groups):
        """Count the postprocessing of the outputs of some groups."""
        with cython.critical_section(self):
            self.counters.seconds[POSTPROCESSING] += seconds
            self.counters.runs[POSTPROCESSING] += groups

    def ran_row(self, double seconds, double postprocessing, Py_ssize_t tokens):
        """Count a single row that was run, and its postprocessing."""
        with cython.critical_section(self):
            self._add(INFERENCE, seconds)
            self._add(POSTPROCESSING, postprocessing)
            self.counters.rows += 1
            self.counters.tokens += tokens
            self.counters.padded_tokens += tokens

    def answered(self, double seconds):
        """Count a call or a request that was answered, with the time until its answer."""
        with cython.critical_section(self):
            self.counters.calls += 1
            self.counters.answered += 1
            self.counters.answered_seconds += seconds
            self.counters.longest = max(self.counters.longest, seconds)
            self.counters.buckets[_bucket(seconds)] += 1

    def read(self):
        """Count a stream that was exhausted or closed by its reader."""
        with cython.critical_section(self):
            self.counters.calls += 1

    def failed(self, error not None):
        """Count a call that ended with an exception, by its type."""
        cdef str name = type(error).__name__
        with cython.critical_section(self):
            self.counters.calls += 1
            # By name, because hugot, asyncio and concurrent.futures each have a CancelledError.
            if name == "CancelledError" or name == "KeyboardInterrupt":
                self.counters.cancelled += 1
            elif name == "QueueFullError":
                self.counters.rejected += 1
            else:
                self.errors[name] = self.errors.get(name, 0) + 1

    def cancelled(self):
        """Count a call that was cancelled before it had an answer."""
        with cython.critical_section(self):
            self.counters.calls += 1
            self.counters.cancelled += 1

    def not_finite(self, Py_ssize_t texts):
        """Count texts whose results have numbers that are not finite."""
        with cython.critical_section(self):
            self.counters.not_finite += texts

    def reset(self):
        """Reset all counters to zero."""
        with cython.critical_section(self):
            memset(&self.counters, 0, sizeof(Counters))
            self.errors = {}

    def snapshot(self):
        """Return a consistent copy of all counters, by name."""
        cdef Counters now
        cdef int i
        with cython.critical_section(self):
            now = self.counters
            errors = dict(self.errors)
        return {
            "calls": now.calls,
            "texts": now.texts,
            "truncated": now.truncated,
            "not_finite": now.not_finite,
            "rows": now.rows,
            "tokens": now.tokens,
            "padded_tokens": now.padded_tokens,
            "cancelled": now.cancelled,
            "rejected": now.rejected,
            "errors": errors,
            "tokenization": (now.seconds[TOKENIZATION], now.runs[TOKENIZATION]),
            "inference": (now.seconds[INFERENCE], now.runs[INFERENCE]),
            "postprocessing": (now.seconds[POSTPROCESSING], now.runs[POSTPROCESSING]),
            "latency": (
                now.answered, now.answered_seconds, now.longest,
                [now.buckets[i] for i in range(BUCKETS)],
            ),
        }

    cdef void _add(self, int stage, double seconds) noexcept:
        self.counters.seconds[stage] += seconds
        self.counters.runs[stage] += 1


cdef inline int _bucket(double seconds) noexcept:
    """Return the index of the bucket for a time."""
    cdef int exponent
    cdef double nanoseconds = seconds * 1e9
    if not nanoseconds >= 1 << FIRST:
        return 0
    # nanoseconds = fraction * 2 ** exponent, with 0.5 <= fraction < 1.
    cdef double fraction = frexp(nanoseconds, &exponent)
    cdef int octave = exponent - 1 - FIRST
    if octave >= OCTAVES:
        return BUCKETS - 1
    return 1 + octave * STEPS + <int> ((fraction - 0.5) * 2 * STEPS)
