"""PyTorch's MNIST example, at most its 14 epochs.

Of the repository pytorch/examples, *mnist*: convolutions of 32 and 64 filters, pooled once,
dropout, 128 units, Adadelta at 1.0 times 0.7 each epoch, batches of 64. Made kinder: images are
one tensor in memory (its DataLoader would cost most of the time), laid out ``channels_last``. It
is asked after each epoch, with the clock stopped, and stops at 99 %.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.records.one import THREADS

ENOUGH, EPOCHS, BATCH = 0.99, 14, 64


def train(images, labels, seed, look):
    """Train; return a function from uint8 images to digits."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Dropout2d(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5)]
    model = nn.Sequential(*layers, nn.Linear(128, 10)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    falling = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.7)

    def floats(part):
        x = torch.from_numpy(np.array(part[:, None])).float()
        return ((x / 255 - 0.1307) / 0.3081).contiguous(memory_format=torch.channels_last)

    def read(part):
        model.eval()
        with torch.no_grad():
            answers = model(floats(part)).argmax(1).numpy()
        model.train()
        return answers

    x, y = floats(images), torch.from_numpy(labels.astype(np.int64))
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        falling.step()
        if look(read):
            break
    return read
