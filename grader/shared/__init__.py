"""What both sides of the sandbox use, with :mod:`grader.check`."""
