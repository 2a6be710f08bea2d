"""Exceptions: one for each kind of trouble that ends a load. A record that cannot be loaded is none of them, but data."""

import re
import sys


class Error(Exception):
    """What ended a load: what happened, where, and what to do.

    `exit_code` is what the command would exit with, `path` the file that it is about, if it is about one.
    """

    def __init__(self, message, exit_code=70, path=None):
        super().__init__(message, exit_code, path)
        self.exit_code = exit_code
        self.path = path

    def __str__(self):
        return self.args[0]


class UsageError(Error, ValueError):
    """Options that contradict each other or name nothing that exists (64)."""


class InputUnusableError(Error):
    """An input that is not a file that can be loaded (65)."""


class InputMissingError(Error):
    """An input that does not exist or cannot be opened (66)."""


class InternalError(Error):
    """A defect in rowmill (70)."""


class OutputCreateError(Error):
    """An output that cannot be created (73)."""


class IoError(Error):
    """Reading or writing failed midway (74)."""


class InputChangedError(Error):
    """An input that changed while it was read (74)."""


class InputDamagedError(Error):
    """An input that is packed and cannot be unpacked to its end (74)."""


class OtherInputError(Error):
    """An input that is not the one that the unfinished load had (74)."""


class SideFileChangedError(Error):
    """A file of the load's own that no longer holds what the load wrote to it (74)."""


class DatabaseError(Error):
    """SQLite could not read or write the database (74)."""


class ReportMissingError(Error):
    """Every row is in, but the report could not be written."""


class DatabaseBusyError(Error):
    """Somebody holds the database (75)."""


class OutputBusyError(Error):
    """An output that another load writes (75)."""


class SchemaError(Error):
    """The file is not a SQLite database, or the table does not fit the input, or a schema is wrong (78)."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped a load. What was read by then is committed, and the same load goes on from there; `report` says how far it got."""

    def __init__(self, report=None):
        super().__init__(report)
        self.report = report

    def __str__(self):
        return "interrupted" if self.report is None else str(self.report)


def error_of(kind, message, exit_code, path):
    """The exception for what the library calls `kind`."""
    if kind == "Usage":
        message = _in_keywords(message)
    class_ = getattr(sys.modules[__name__], f"{kind}Error", Error)
    return class_(message, exit_code, path)


def _in_keywords(message):
    """What a command line is told, for whoever gives keyword arguments."""
    message = message.removeprefix("error: ").split("\n\nUsage:")[0].split("\n\nFor more information")[0].rstrip()
    flag = r"--([a-z][a-z-]*)( <[^>]*>(?:\.\.\.)?)?"
    return re.sub(flag, lambda found: "`" + found[1].replace("-", "_") + "`", message).replace("'`", "`").replace("`'", "`")
