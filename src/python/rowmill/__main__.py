"""The command `rowmill`: also `python -m rowmill`."""

import signal
import sys

from . import _rowmill


def main():
    """Does what the command line says; returns the exit code."""
    # The program has handlers of its own for signals that ask it to stop: Python's would raise KeyboardInterrupt once it is over.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _rowmill.main(["rowmill", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
