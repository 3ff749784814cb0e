"""A limit on the time that something takes."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def alarm(seconds: float, error: BaseException):
    """Raise an exception in what takes longer, where the system can.

    Parameters
    ----------
    seconds : float
    error : BaseException
    """
    here = threading.current_thread() is threading.main_thread()
    if not here or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_):
        raise error

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
