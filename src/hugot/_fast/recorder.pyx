"""Counters of a pipeline, and how long its calls took, in a histogram of fixed size.

Every call passes here several times, so a count takes some tens of nanoseconds. No method lets go of the
interpreter's lock; in an interpreter without one, a critical section takes its place.

The histogram is log-linear, as HdrHistogram (Gil Tene): each octave, from one power of two to the next,
has the same number of buckets of equal width. A time is known from its bucket to within
1 / (2 * STEPS) of itself, 3.1 %.
"""

cimport cython
from libc.math cimport frexp
from libc.stdint cimport int64_t
from libc.string cimport memset

cdef enum:
    STEPS = 16              # buckets of an octave
    FIRST = 10              # below 2 ** FIRST nanoseconds, 1 us, there is one bucket
    OCTAVES = 34            # up to 2 ** 44 nanoseconds, 4.9 hours
    BUCKETS = 545           # 1 + STEPS * OCTAVES, as a number: a checked build folds no sums here

cdef enum:
    TOKENIZATION = 0
    INFERENCE = 1
    POSTPROCESSING = 2
    STAGES = 3

STEPS_PER_OCTAVE = STEPS


cdef struct Counters:
    double[STAGES] seconds
    int64_t[STAGES] runs
    int64_t calls, texts, truncated, rows, tokens, padded_tokens, cancelled, rejected
    int64_t answered
    double answered_seconds
    double longest
    int64_t[BUCKETS] buckets


def bounds():
    """Upper bound of each bucket of the histogram in seconds; the last one has no other."""
    cdef int octave, step
    return [2.0 ** FIRST / 1e9] + [
        (STEPS + step + 1) * 2.0 ** (FIRST + octave) / STEPS / 1e9
        for octave in range(OCTAVES) for step in range(STEPS)
    ]


@cython.final
cdef class Recorder:
    """Collects the figures of one pipeline; safe to use from many threads."""

    cdef Counters counters
    cdef dict errors

    def __cinit__(self):
        self.errors = {}
        memset(&self.counters, 0, sizeof(Counters))

    def tokenized(self, double seconds, Py_ssize_t texts, Py_ssize_t truncated):
        """Count a batch of texts that was tokenized, `truncated` of them cut to the longest row."""
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
        """Count the making of results from the outputs of so many groups."""
        with cython.critical_section(self):
            self.counters.seconds[POSTPROCESSING] += seconds
            self.counters.runs[POSTPROCESSING] += groups

    def ran_row(self, double seconds, double postprocessing, Py_ssize_t tokens):
        """Count a row that was run alone, and the making of its result."""
        with cython.critical_section(self):
            self._add(INFERENCE, seconds)
            self._add(POSTPROCESSING, postprocessing)
            self.counters.rows += 1
            self.counters.tokens += tokens
            self.counters.padded_tokens += tokens

    def answered(self, double seconds):
        """Count a call, or a request, and the time that it waited for its answer."""
        with cython.critical_section(self):
            self.counters.calls += 1
            self.counters.answered += 1
            self.counters.answered_seconds += seconds
            self.counters.longest = max(self.counters.longest, seconds)
            self.counters.buckets[_bucket(seconds)] += 1

    def read(self):
        """Count a stream that was read, to its end or as far as its reader wanted."""
        with cython.critical_section(self):
            self.counters.calls += 1

    def failed(self, error not None):
        """Count a call that ended with an exception, by what it was."""
        cdef str name = type(error).__name__
        with cython.critical_section(self):
            self.counters.calls += 1
            # Those of hugot, asyncio and concurrent.futures are one to whom gave up.
            if name == "CancelledError" or name == "KeyboardInterrupt":
                self.counters.cancelled += 1
            elif name == "QueueFullError":
                self.counters.rejected += 1
            else:
                self.errors[name] = self.errors.get(name, 0) + 1

    def cancelled(self):
        """Count a call that was given up before its answer was there."""
        with cython.critical_section(self):
            self.counters.calls += 1
            self.counters.cancelled += 1

    def reset(self):
        """Begin again at zero."""
        with cython.critical_section(self):
            memset(&self.counters, 0, sizeof(Counters))
            self.errors = {}

    def snapshot(self):
        """All figures as they are at one moment, by their names."""
        cdef Counters now
        cdef int i
        with cython.critical_section(self):
            now = self.counters
            errors = dict(self.errors)
        return {
            "calls": now.calls,
            "texts": now.texts,
            "truncated": now.truncated,
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
    """Number of the bucket for a time."""
    cdef int exponent
    cdef double nanoseconds = seconds * 1e9
    if not nanoseconds >= 1 << FIRST:
        return 0
    # Between a half and one, times two to the exponent.
    cdef double fraction = frexp(nanoseconds, &exponent)
    cdef int octave = exponent - 1 - FIRST
    if octave >= OCTAVES:
        return BUCKETS - 1
    return 1 + octave * STEPS + <int> ((fraction - 0.5) * 2 * STEPS)
