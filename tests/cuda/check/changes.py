"""Changes to the engine that last for a `with` block: what would a step take, or do, without this or with that?"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from ablate.nn import activations
from ablate.nn import build as networks
from ablate.nn.build import build_network
from ablate.training import steps

aten = torch.ops.aten


def never_recorded() -> Any:
    """Takes every step eagerly."""
    return mock.patch.object(steps, "WARM_UP", 10**9)


def recorded_on(stream: "torch.cuda.Stream") -> Any:
    """Records steps on a stream of its own, so that graphs can be replayed at once."""
    return mock.patch.object(steps, "_side_stream", return_value=stream)


def before_recording(action: Callable[[], None]) -> Any:
    """Calls an action right before a step is recorded."""
    take = steps.Steps.take

    def acting(self: steps.Steps, step: int) -> Tensor:
        if self.eager_steps == steps.WARM_UP and self.graph is None:
            action()
        return take(self, step)

    return mock.patch.object(steps.Steps, "take", acting)


class _OnStreams(list[Any]):
    """A list whose items, when it is iterated over, are used on CUDA streams in turn; on none without streams.

    They start after what the current stream was asked for before, and it waits for them in the end.
    """

    streams: "Sequence[torch.cuda.Stream]" = ()

    def __iter__(self) -> Iterator[Any]:
        if not self.streams:
            yield from super().__iter__()
            return
        current = torch.cuda.current_stream()
        for stream in self.streams:
            stream.wait_stream(current)
        for index, item in enumerate(super().__iter__()):
            with torch.cuda.stream(self.streams[index % len(self.streams)]):
                yield item
        for stream in self.streams:
            current.wait_stream(stream)


def convolutions_on(streams: "Sequence[torch.cuda.Stream]") -> Any:
    """Computes the blocks of convolutional networks on streams, run by run in turn."""

    def build_on_streams(*arguments: Any) -> Any:
        network = build_network(*arguments)
        blocks = network.layers[0]
        blocks.layers = _OnStreams(blocks.layers)
        blocks.layers.streams = streams
        return network

    # `PreparedStack` looks this name up; here the original has another one.
    return mock.patch.object(networks, "build_network", build_on_streams)


def torch_activations() -> Any:
    """Replaces the activations written for a CPU by torch's own kernels."""

    def simple(
        forward: Callable[[Tensor, Tensor], object], backward: Callable[[Tensor, Tensor, Tensor], object]
    ) -> activations.Activation:
        return activations.Activation(forward, backward, forward)

    return mock.patch.dict(
        activations.ACTIVATIONS,
        tanh=simple(
            lambda z, out: torch.tanh(z, out=out),
            lambda grad, z, y: aten.tanh_backward.grad_input(grad, y, grad_input=grad),
        ),
        elu=simple(
            lambda z, out: aten.elu.out(z, out=out),
            lambda grad, z, y: aten.elu_backward.grad_input(grad, 1.0, 1.0, 1.0, False, z, grad_input=grad),
        ),
        gelu=simple(
            lambda z, out: aten.gelu.out(z, out=out),
            lambda grad, z, y: aten.gelu_backward.grad_input(grad, z, grad_input=grad),
        ),
        silu=simple(
            lambda z, out: aten.silu.out(z, out=out),
            lambda grad, z, y: aten.silu_backward.grad_input(grad, z, grad_input=grad),
        ),
        mish=simple(
            lambda z, out: aten.mish.out(z, out=out),
            lambda grad, z, y: grad.copy_(aten.mish_backward(grad, z)),
        ),
    )
