"""What learners get wrong in lesson 06b, and what its checks say of it."""

NOT_DIVIDED = """
def smooth(values, weight):
    mean, means = 0.0, []
    for value in values:
        mean = weight * mean + (1 - weight) * value
        means.append(mean)
    return means
"""
LAST_ONLY = """
def smooth(values, weight):
    mean = 0.0
    for n, value in enumerate(values, 1):
        mean = weight * mean + (1 - weight) * value
    return mean / (1 - weight**n)
"""
DIVIDED_AGAIN_AND_AGAIN = """
def smooth(values, weight):
    mean, means = 0.0, []
    for n, value in enumerate(values, 1):
        mean = (weight * mean + (1 - weight) * value) / (1 - weight**n)
        means.append(mean)
    return means
"""

WRONG = {
    "smooth": [
        (NOT_DIVIDED, r"the first is at index \[0\]: 1\.6, expected 4"),
        (LAST_ONLY, r"has shape \[\], expected \[3\]"),
        (DIVIDED_AGAIN_AND_AGAIN, r"the first is at index \[1\]: 6\.25, expected 4"),
    ]
}
