"""The peers in PyTorch, called by name through :func:`benchmarks.pytorch`: no TensorFlow here."""

import contextlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.clock import BATCH, FILTERS, SEED, Clock, Reached, orders

# --- training -------------------------------------------------------------------------------------


# what each convolution reads: side of the image
_READS = (28, 14, 7)


def _dense(p, x):
    h = x
    for W, b in zip(p[:4], p[4:8], strict=True):
        h = F.relu(h @ W + b)
    for W, b in zip(p[3::-1], p[8:], strict=True):
        logits = h @ W.T + b
        h = F.relu(logits)
    return F.mse_loss(torch.sigmoid(logits), x)


def _convolutional(p, x):
    h = x.reshape(-1, 1, 28, 28)
    for W, b in zip(p[:3], p[3:6], strict=True):
        more = h.shape[-1] % 2  # TensorFlow pads an odd side by one more at its end
        h = F.pad(h, (1, 1 + more, 1, 1 + more))
        h = F.relu(F.conv2d(h, W.permute(3, 2, 0, 1), b, stride=2))
    for W, b, side in zip(p[2::-1], p[6:], _READS[::-1], strict=True):
        whole = F.conv_transpose2d(h, W.permute(3, 2, 0, 1), b, stride=2)
        logits = whole[:, :, 1 : side + 1, 1 : side + 1]
        h = F.relu(logits)
    return F.mse_loss(torch.sigmoid(logits.reshape(-1, 784)), x)


def _variational(p, x):
    W, b = p[:6], p[6:]
    h = F.relu(F.relu(x @ W[0] + b[0]) @ W[1] + b[1])
    mean, log_variance = (h @ W[2] + b[2]).chunk(2, dim=1)
    z = mean + torch.exp(log_variance / 2) * torch.randn(BATCH, 2)
    h = F.relu(F.relu(z @ W[3] + b[3]) @ W[4] + b[4])
    pixels = F.binary_cross_entropy_with_logits(h @ W[5] + b[5], x, reduction="sum")
    kl = (mean**2 + log_variance.exp() - 1 - log_variance).sum() / 2
    return (pixels + kl) / BATCH


_LOSSES = {"dense": _dense, "convolutional": _convolutional, "variational": _variational}
_training = None


def prepare(name: str, values: list[np.ndarray], images: np.ndarray, rate: float) -> None:
    """Make the training of a network, by name, with its first weights, for :func:`epoch`."""
    global _training
    torch.manual_seed(0)
    parameters = [torch.tensor(value, requires_grad=True) for value in values]
    optimizer = torch.optim.Adam(parameters, lr=rate, eps=1e-7)
    _training = _LOSSES[name], parameters, optimizer, torch.from_numpy(images)


def epoch(order: np.ndarray) -> float:
    """Train one pass over images in an order, ``[steps, batch]``; return the mean loss."""
    loss_of, parameters, optimizer, images = _training
    total = 0.0
    for rows in torch.from_numpy(order):
        optimizer.zero_grad()
        loss = loss_of(parameters, images[rows])
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(order)


def spirals(values: list[np.ndarray], x: np.ndarray, y: np.ndarray, steps: int) -> float:
    """Train lesson 02's network from its first weights; return the last loss."""
    parameters = [torch.tensor(p, dtype=torch.float32, requires_grad=True) for p in values]
    optimizer = torch.optim.SGD(parameters, lr=3.0, momentum=0.95)
    points, labels = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(steps + 1):
        h = points
        for W, b in zip(parameters[:3], parameters[3:], strict=True):
            h = torch.sigmoid(h @ W + b)
        loss = ((h - labels) ** 2).sum() / (2 * len(points))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


# --- the classifier -------------------------------------------------------------------------------


def classifier(images, labels, test_images, test_labels) -> tuple[float, float]:
    """Train the 6-12-24 network; return seconds and test accuracy."""
    clock = Clock(test_images, test_labels)
    with contextlib.suppress(Reached):
        _classify(images, labels, clock)
    return clock.seconds, clock.accuracy


def _classify(images, labels, clock):
    torch.manual_seed(SEED)
    parts, channels, size = [nn.Unflatten(1, (1, 28, 28))], 1, 28
    for filters, side, stride in FILTERS:
        # TensorFlow's "same": an odd remainder is padded at the end
        pad = (-(-size // stride) - 1) * stride + side - size
        ends = (pad // 2, pad - pad // 2)
        parts += [nn.ZeroPad2d(ends * 2), nn.Conv2d(channels, filters, side, stride), nn.ReLU()]
        channels, size = filters, -(-size // stride)
    parts += [nn.Flatten(), nn.Linear(7 * 7 * 24, 200), nn.ReLU(), nn.Dropout(0.25)]
    model = nn.Sequential(*parts, nn.Linear(200, 10))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.trunc_normal_(parameter, std=0.1, a=-0.2, b=0.2)
        else:
            nn.init.constant_(parameter, 0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    falling = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: (0.0001 + 0.0029 * np.exp(-i / 2000)) / 0.003
    )
    cross_entropy = nn.CrossEntropyLoss()
    images, labels = torch.from_numpy(images), torch.from_numpy(labels).long()

    def classify(part):
        model.eval()
        with torch.no_grad():
            scores = model(torch.from_numpy(part)).numpy()
        model.train()
        return scores

    for order in orders(len(images)):
        for rows in torch.from_numpy(order):
            optimizer.zero_grad()
            cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()
            falling.step()
        clock.look(classify)
