"""What lesson 08 says beside its cells, in its own names."""


def nearest_mean():
    """Return the validation accuracy of the nearest of the ten mean images."""
    labels = data.train.labels.argmax(axis=1)
    means = np.stack([data.train.images[labels == k].mean(axis=0) for k in range(10)])
    far = np.square(data.valid.images[:, None] - means).sum(axis=-1)
    return np.mean(far.argmin(axis=1) == data.valid.labels.argmax(axis=1))
