"""The batches of a stack. Each run sees the training data in an order that depends on the run's seed."""

import torch
from torch import Tensor

from ablate.data.dataset import Dataset
from ablate.data.order import epoch_order
from ablate.nn.members import distinct_seeds
from ablate.nn.stacked import StackedNetwork


class Batches:
    """The batches of all runs, without incomplete batches, on the device that holds the data.

    `prepare` draws the random orders of an epoch on the CPU, and writes the indices of a step's samples into a
    permanent buffer. `gather` needs no data from the CPU, so that a CUDA graph can record and replay its operations.

    Attributes:
        x: Training inputs in the layout that the network reads, shape (samples, ...).
        y: Labels, shape (samples,).
        per_epoch: Number of full batches in an epoch.
        index: Indices of the samples in the current step's batches, shape (runs, batch), or (1, batch) if all runs
            share one batch.
    """

    def __init__(self, network: StackedNetwork, dataset: Dataset, batch_size: int) -> None:
        self.x, self.y = network.arrange(dataset.x_train), dataset.y_train
        self.batch_size = batch_size
        self.per_epoch = len(self.y) // batch_size
        self.seeds = distinct_seeds(network.members)
        rows = len(network.members) if len(self.seeds) > 1 else 1
        order_of_run = [self.seeds.index(member.seed) for member in network.members][:rows]
        self.order_of_run = torch.tensor(order_of_run, device=self.y.device)
        self.epoch = -1
        self.orders = self.y.new_empty(0)
        self.index = self.y.new_empty((rows, batch_size))
        self.inputs = self.x.new_empty((rows, batch_size, *self.x.shape[1:]))
        self.flat_index, self.flat_inputs = self.index.view(-1), self.inputs.flatten(0, 1)

    def prepare(self, step: int) -> None:
        """Writes the indices of the samples in a step's batches into the buffer `index`."""
        epoch, batch = divmod(step, self.per_epoch)
        if epoch != self.epoch:
            self.epoch = epoch
            orders = [epoch_order(seed, epoch, len(self.y)) for seed in self.seeds]
            self.orders = torch.stack(orders).to(self.y.device)
        chosen = self.orders[:, batch * self.batch_size : (batch + 1) * self.batch_size]
        torch.index_select(chosen, 0, self.order_of_run, out=self.index)

    def gather(self) -> tuple[Tensor, Tensor]:
        """Returns the inputs, shape (runs, batch, ...), and the labels, shape (runs, batch), of the prepared step.

        If all runs share one batch, the first axis of both has length 1.
        """
        torch.index_select(self.x, 0, self.flat_index, out=self.flat_inputs)
        return self.inputs, self.y[self.index]
