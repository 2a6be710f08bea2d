"""What a load says of itself, as attributes."""

from typing import NamedTuple, Optional


class Progress(NamedTuple):
    """How far a load is."""

    phase: str
    """What it does: `infer`, `load`, `check`, `survey`, `index` or `settle`."""
    bytes: int
    """Input bytes done in this phase."""
    total_bytes: Optional[int]
    """How many there are, if that is known."""
    records: int
    """Records done in this phase."""
    rejected: int
    """Rejects so far; duplicates that are settled later are not counted yet."""
    file: Optional[str]
    """The file, where each goes into a table of its own."""


class Fields:
    """Named values. `as_dict()` has them as the JSON of the report does."""

    __slots__ = ("_values",)

    def __init__(self, values):
        self._values = values

    def __getattr__(self, name):
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"{type(self).__name__} has no {name!r}; it has {', '.join(self._values)}")
        return self._member(name, self._values[name])

    def _member(self, name, value):
        if isinstance(value, list):
            return [self._member(name, each) for each in value]
        # Counts by code are no fields: which there are depends on the input.
        if isinstance(value, dict) and name != "by_code":
            return (LoadReport if name == "loads" else Fields)(value)
        return value

    def as_dict(self):
        """All of them, as the JSON of the report has them."""
        return self._values

    def __dir__(self):
        return ["as_dict", *self._values]

    def __eq__(self, other):
        return type(self) is type(other) and self._values == other._values

    __hash__ = None

    def __reduce__(self):
        return type(self), (self._values,)

    def __repr__(self):
        plain = ((name, value) for name, value in self._values.items() if not isinstance(value, (dict, list)))
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in plain)})"


class LoadReport(Fields):
    """What a load did: counts that add up, times, sizes. `str()` of it is the summary that the command shows.

    `records` is `loaded + updated + rejected + duplicates`; in a load that was stopped `pending` are not settled yet. `by_code` has the
    rejects by reason, `inputs` and `columns` what was read and made of it, `outcome` how it ended, and `exit_code` what the command would
    exit with. All of it: `help(rowmill)`, and `as_dict()`.
    """

    __slots__ = ("_summary",)

    def __init__(self, values, summary=None):
        super().__init__(values)
        self._summary = summary

    def __str__(self):
        return repr(self) if self._summary is None else self._summary

    def __reduce__(self):
        return type(self), (self._values, self._summary)


class Profile(Fields):
    """What is in the columns of some inputs: for each its `name`, `type`, `nulls`, `distinct`, `least`, `greatest` and so on."""

    __slots__ = ()
