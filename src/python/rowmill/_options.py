"""Keyword arguments as words of a command line, for the parser that the command has. Each is named as a flag of it, with `_` for `-`."""

import difflib
import inspect
import os
import textwrap
from collections.abc import Iterable, Mapping

from . import _rowmill
from ._errors import UsageError

# What says how much is shown on a terminal, what has a function of its own, and `as`, which Python has no argument for.
NO_OPTIONS = {"quiet", "verbose", "forget", "as"}


class Options:
    """The options of a subcommand, for the function called `name`, which does not have those in `without`."""

    def __init__(self, subcommand, name=None, without=()):
        self.subcommand, self.name = subcommand, name or subcommand
        flags = {flag["name"].replace("-", "_"): flag for flag in _rowmill.flags(subcommand)}
        self.flags = {name: flag for name, flag in flags.items() if name not in NO_OPTIONS and name not in without}

    def words(self, given, names, *more):
        """A command line: the options that are `given`, `more` words, and the `names` of files."""
        if not names and given.get("config") is None:
            raise UsageError(f"{self.name}() needs an input", 64)
        words = ["rowmill", self.subcommand, *more]
        for name, value in given.items():
            words += self._words_of(name, value)
        return [*words, "--", *names] if names else words

    def _words_of(self, name, value):
        flag = self.flags.get(name)
        if flag is None:
            near = difflib.get_close_matches(name, self.flags, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{self.name}() got an unexpected keyword argument {name!r}{hint}")
        word = "--" + flag["name"]
        if value is None or value is False and flag["value"] is None:
            return []
        if flag["value"] is None:
            if value is not True:
                raise TypeError(f"{name} is True or False, not {value!r}")
            return [word]
        if isinstance(value, Mapping):
            return [f"{word}={_quoted(key)}={_value_of_pair(name, each)}" for key, each in value.items()]
        if flag["is_repeatable"] and _is_several(value):
            return [f"{word}={_text(name, each)}" for each in value]
        return [f"{word}={_text(name, value)}"]

    def signature(self, function):
        """The signature of `function`, with its options in place of `**options`."""
        own = inspect.signature(function)
        parameters = [each for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]
        parameters += [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in self.flags]
        return own.replace(parameters=parameters)

    def document(self, function):
        """Gives `function` the signature and the description of its options."""
        function.__signature__ = self.signature(function)
        parts = [inspect.cleandoc(function.__doc__), "", f"Options, as in `rowmill {self.subcommand} --help`:"]
        heading = None
        for name, flag in self.flags.items():
            if flag["heading"] != heading:
                heading = flag["heading"]
                parts += ["", heading]
            form = "True" if flag["value"] is None else flag["value"]
            default = f" (default: {flag['default']})" if flag["default"] else ""
            parts.append(f"  {name} = {form}{default}")
            for paragraph in flag["help"].split("\n\n"):
                parts.append(textwrap.fill(" ".join(paragraph.split()), 96, initial_indent="      ", subsequent_indent="      "))
        function.__doc__ = "\n".join(parts)
        return function


def _text(name, value):
    """A value as it stands on a command line: a list of names with commas between them."""
    if isinstance(value, bool):
        raise TypeError(f"{name} is not True or False, but a value")
    if _is_several(value):
        return ",".join(_quoted(_text(name, each)) for each in value)
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, (bytes, os.PathLike)):
        return os.fsdecode(value)
    raise TypeError(f"{name} cannot be a {type(value).__name__}: {value!r}")


def _is_several(value):
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, os.PathLike, Mapping))


def _value_of_pair(name, value):
    text = _text(name, value)
    # Of the pairs only these are two names.
    return _quoted(text) if name == "rename" else text


def _quoted(name):
    """A name as lists of names have it."""
    if any(character in name for character in ',="'):
        return '"' + name.replace('"', '""') + '"'
    return name


def names_of(paths):
    """One path or several, as words."""
    if paths is None:
        return []
    if isinstance(paths, (str, bytes, os.PathLike)):
        paths = [paths]
    return [os.fsdecode(path) for path in paths]
