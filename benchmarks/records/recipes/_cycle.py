"""What the two peers of the one-epoch recipe share: its network, its cycle of rates, its loop.

After the description of Oikarinen's *Training a NN to 99% accuracy on MNIST in 0.76 seconds*
(2021, on a laptop's GPU): convolutions of 24 (side 5) and 32 filters, pooled before ReLU, 256
units, no dropout, Adam (0.7, 0.9) on one cycle to 0.01, batches of 256; images are one tensor,
here made on the clock, for it starts with uint8 arrays.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.records.one import THREADS

BATCH = 256


def train(images, labels, seed, look, epochs):
    """Train for so many epochs, asked after each; return a function from images to digits."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 24, 5), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Conv2d(24, 32, 3), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(800, 256), nn.ReLU(), nn.Linear(256, 10)]
    model = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    steps = epochs * -(-len(images) // BATCH)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.7, 0.9))
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.01, total_steps=steps, cycle_momentum=False
    )

    def floats(part):
        x = torch.from_numpy(np.array(part[:, None])).float()
        return ((x / 255 - 0.1307) / 0.3081).contiguous(memory_format=torch.channels_last)

    def read(part):
        with torch.no_grad():
            return model(floats(part)).argmax(1).numpy()

    x, y = floats(images), torch.from_numpy(labels.astype(np.int64))
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            cycle.step()
        look(read)
    return read
