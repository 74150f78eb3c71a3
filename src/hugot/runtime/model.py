"""A loaded model: rows in, output tensors out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hugot._ort.session import RunOptions
from hugot.inputs.graph_inputs import OFFSETS, fixed_shape, with_usual_names
from hugot.inputs.rows import Group, TokenRow
from hugot.inputs.shapes import fit_policy
from hugot.runtime.routing import SessionRouter
from hugot.runtime.sessions import nodes_by_provider

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hugot._ort.providers import Provider
    from hugot._ort.session import InferenceSession
    from hugot._ort.tensor import Tensor
    from hugot.inputs.graph_inputs import OtherInputs
    from hugot.inputs.rows import Rows
    from hugot.models.bundle import ModelBundle
    from hugot.runtime.executor import Executor
    from hugot.runtime.layout import Layout

_ROW_0 = np.zeros(1, np.int64)


class LoadedModel:
    """A bundle and its native sessions.

    Args:
        bundle: see below.
        session: see below.
        layout: see below.
        executor: see below.
        open_session: makes the session for groups of rows, if that differs from the one for single rows.
        providers: the providers that the session was made with.
        batch_dependent: see below.

    Attributes:
        bundle: the files.
        session: ONNX Runtime's session; with ``layout.row_threads`` the one for rows that run alone.
        inputs: the graph's inputs, with the usual names of those for tokens.
        width: the fixed number of tokens in a row of the graph; None if any number is possible.
        optimized: whether the session runs the optimised graph beside the ``.onnx`` file.
        layout: how work is spread over threads. A call reads it once, at its beginning.
        executor: the worker threads.
        pads: whether rows of different lengths may share a group.
        exact: whether groups keep their own shapes.
        batch_dependent: whether the result of a row depends on the other rows of its group.
        providers: number of nodes that each provider runs, None if it is not known.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        session: InferenceSession,
        layout: Layout,
        executor: Executor,
        open_session: Callable[[], InferenceSession],
        providers: Sequence[Provider] = (),
        *,
        batch_dependent: bool = False,
    ) -> None:
        self.bundle = bundle
        self.session = session
        self.optimized = session.from_buffer
        session.start_threads()  # loading is over, so they no longer compete with it for the CPUs
        self.inputs = with_usual_names(session.inputs)
        names = [spec.name for spec in self.inputs]
        # Without a mask, padding would be taken for text.
        self.pads = "attention_mask" in names or OFFSETS in names
        fixed = fixed_shape(self.inputs)
        self.width = fixed.width
        self.layout = replace(layout, shapes=fit_policy(layout.shapes, fixed, pads=self.pads))
        self.executor = executor
        self.batch_dependent = batch_dependent
        self._router = SessionRouter(session, open_session if layout.row_threads else None, names)
        self.exact = self.layout.shapes.exact
        self.providers = nodes_by_provider(session, providers)

    def forward(
        self,
        rows: Rows,
        group: Group,
        outputs: Sequence[int],
        stop: RunOptions | None = None,
        other_inputs: OtherInputs | None = None,
    ) -> list[Tensor]:
        """Run the model on the rows of a group and return the outputs asked for, by number.

        `other_inputs` are the inputs of the graph that the rows do not fill.
        """
        count = len(group.rows)
        if group.padded_rows is not None:
            # Copies of a row rather than empty ones, whose attention would have nothing to attend to.
            group = Group(np.pad(group.rows, (0, group.padded_rows - count), "edge"), group.width)
        if other_inputs is None:
            feeds = rows.feeds(group, self.inputs)
        else:
            shape = len(group.rows), group.width
            feeds = other_inputs.complete(rows.feeds(group, other_inputs.row_inputs), shape)
        only = self._router.only
        if only is not None:
            found = only.session.run(feeds, outputs, stop)
        else:
            with self._router.take(alone=count == 1) as route:
                found = route.session.run(feeds, outputs, stop)
        if count != len(group.rows):
            for tensor in found:
                tensor.keep_rows(count)
        return found

    def forward_row(
        self,
        row: Any,
        outputs: Sequence[int],
        stop: RunOptions | None = None,
        other_inputs: OtherInputs | None = None,
    ) -> list[Tensor]:
        """As `forward` for a single row; a row of tokens is run without making numpy arrays."""
        if type(row) is TokenRow:
            only = self._router.only
            if only is not None:
                if only.row_runner is not None:
                    return only.row_runner.run(row.row_ids, row.row_type_ids, outputs, stop)
            else:
                with self._router.take(alone=True) as route:
                    if route.row_runner is not None:
                        return route.row_runner.run(row.row_ids, row.row_type_ids, outputs, stop)
        return self.forward(row, Group(_ROW_0, row.size), outputs, stop, other_inputs)

    def new_run_options(self) -> RunOptions:
        """Return a handle that can stop runs of this model."""
        return RunOptions(self.session.library, self.session.run_config)
