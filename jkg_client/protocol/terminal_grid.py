"""The lines of a terminal and its cursor."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from .terminal_commands import CONTROL, WHOLE, Command, command, way_between
from .terminal_limits import CHEAP, Allowance
from .terminal_pieces import erased, overwritten, row_text, without_idle_codes, without_still

_REACH = 1000
"""Number of lines that the cursor can move up. No screen has more."""

_COLUMNS = 1000
"""Number of columns to which the cursor can move without text there."""

_WIDTH = 2**20
"""Number of characters that the cursor can move back in a line."""

_MOST_COLOURS = 256
"""Largest number of characters of colour codes before one character."""


class Grid:
    """Lines of a terminal and its cursor.

    Args:
        allowed: Limits the work for erasures and the number of blanks.
        keeps_colours: Whether to keep sequences that do not move the cursor, each before the
            character that follows it.
    """

    def __init__(self, allowed: Allowance, *, keeps_colours: bool) -> None:
        self._keeps_colours = keeps_colours
        self._above: list[str] = []  # lines that the cursor cannot reach, with line ends
        self._gone = 0  # number of these lines
        # A line is a string until the cursor moves in it, then a list of its cells.
        self._rows: list[str | list[str]] = [""]
        self._row = 0
        self._column = 0
        self._saved = (0, 0)
        self._escape = ""  # comes before the next character
        self._allowed = allowed

    @property
    def height(self) -> int:
        """Number of lines. A last line that is blank does not count."""
        last = self._rows[-1]
        is_blank = not last or (len(last) <= _COLUMNS and not row_text(last).strip(" "))
        return self._gone + len(self._rows) - is_blank

    def halves(self, *, cursor: bool) -> tuple[str, str]:
        """The lines that the cursor cannot reach, and the rest with movements to the cursor."""
        self._let_go(_REACH)
        rest = "\n".join(map(row_text, self._rows)) + self._escape
        return "".join(self._above), rest + (self._way_back() if cursor else "")

    def write(self, piece: str) -> None:
        """Write one of the ``pieces`` of a text at the cursor."""
        text = piece.replace("\r\n", "\n")
        shown = text if self._keeps_colours else without_still(text)
        if self._is_at_end and not ("\x1b" in shown or "\b" in shown):
            self._write_lines(shown)
        else:
            self._write_tokens(shown)
        self._let_go(2 * _REACH)

    @property
    def _is_at_end(self) -> bool:
        """Whether the cursor is at the start of a last line that is empty."""
        at_end = self._row == len(self._rows) - 1 and not self._column
        return at_end and not (self._rows[-1] or self._escape)

    def _write_lines(self, text: str) -> None:
        lines = text.split("\n")
        self._rows[-1:] = [overwritten(line) if "\r" in line else line for line in lines]
        self._row = len(self._rows) - 1
        self._column = len(lines[-1]) - lines[-1].rfind("\r") - 1

    def _write_tokens(self, text: str) -> None:
        parts = CONTROL.split(without_idle_codes(text))
        self._allowed.followed += len(parts) // 3 - parts.count("\n")
        for run, control, move in zip(parts[::3], parts[1::3], parts[2::3]):
            if run:
                self._put(run)
            if move:
                self._move(move, len(control) // len(move))
            elif control == "\n":
                self._feed_line()
            elif control[0] == "\r":
                self._column = self._leftmost
            elif control[0] == "\b":
                self.move_right(-len(control))
            else:
                self._colour(control)
        if parts[-1]:
            self._put(parts[-1])

    def _colour(self, sequences: str) -> None:
        if self._keeps_colours:
            whole = WHOLE.findall(sequences)
            # If there are too many codes in one place, keep the last one.
            waiting = self._escape + "".join(whole)
            self._escape = waiting if len(waiting) < _MOST_COLOURS else whole[-1]

    @property
    def _leftmost(self) -> int:
        """The first column that the cursor can reach. Text to the left of it is one cell."""
        row = self._rows[self._row] if self._row < len(self._rows) else ""
        return int(bool(row) and len(row[0]) >= _WIDTH)

    def _put(self, run: str) -> None:
        if self._row >= len(self._rows):
            self._fill_rows()
        row, start = self._rows[self._row], self._column
        if isinstance(row, str):
            if len(row) <= start <= _COLUMNS and not self._escape:
                blanks = " " * self._allowed.added(start - len(row)) if start > len(row) else ""
                self._rows[self._row] = row = f"{row}{blanks}{run}"
                self._column = len(row)
                return
            row = self._split(row)
            start = self._column
        if start > len(row):
            row += " " * self._allowed.added(start - len(row))
            start = len(row)
        self._column = end = start + len(run)
        row[start:end] = run
        if self._escape:
            row[start], self._escape = self._escape + run[0], ""
        if end > 2 * _WIDTH:
            self._narrow(row)

    def _split(self, row: str) -> list[str]:
        far = len(row) - _WIDTH if len(row) > 2 * _WIDTH else 0
        cells = self._rows[self._row] = [row[:far], *row[far:]] if far else list(row)
        if far:
            self._column = max(1, self._column - far + 1)
        return cells

    def _narrow(self, cells: list[str]) -> None:
        """Join the cells that the cursor cannot reach into one, which saves memory."""
        far = len(cells) - _WIDTH
        cells[:far] = ["".join(cells[:far])]
        self._column = max(1, self._column - far + 1)

    def _cells(self) -> list[str]:
        """The cells of the cursor's line."""
        row = self._rows[self._row]
        return row if isinstance(row, list) else self._split(row)

    def _fill_rows(self) -> None:
        missing = self._row + 1 - len(self._rows)
        if missing > 0:
            self._rows += [""] * self._allowed.added(missing)
            self._row = len(self._rows) - 1

    def _feed_line(self) -> None:
        if self._row >= len(self._rows):
            self._fill_rows()
        row = self._rows[self._row]
        if self._escape and isinstance(row, list) and row:
            row[-1] += self._escape  # the end of a colour stays in its line
            self._escape = ""
        self._row += 1
        self._column = 0
        if self._row == len(self._rows):
            self._rows.append("")
            self._let_go(4 * _REACH)

    @property
    def _top(self) -> int:
        return max(0, len(self._rows) - _REACH)

    def _let_go(self, most: int) -> None:
        """If the cursor can reach more than ``most`` lines, let it reach only ``_REACH``."""
        if len(self._rows) > most:
            gone = len(self._rows) - _REACH
            self._above.append("\n".join(map(row_text, self._rows[:gone])) + "\n")
            del self._rows[:gone]
            self._gone += gone
            self._row = max(0, self._row - gone)
            self._saved = max(0, self._saved[0] - gone), self._saved[1]

    def _move(self, sequence: str, times: int) -> None:
        act, number = (_remembered if len(sequence) <= _LONGEST else _read)(sequence)
        if isinstance(number, Command):
            number = number if times == 1 else evolve(number, down=times * number.down)
        elif times > 1 and act in _COUNTED:
            number *= times
        act(self, number)

    def move_down(self, lines: int) -> None:
        """Move the cursor down; up if ``lines`` is negative."""
        row, size = self._row + lines, len(self._rows)
        top = size - _REACH if size > _REACH else 0
        if row < top:
            self._row = top
        else:
            self._row = row if row < size + _REACH else min(row, self._below)

    def move_right(self, columns: int) -> None:
        """Move the cursor to the right; to the left if ``columns`` is negative."""
        column = self._column + columns
        if columns > 0:
            self._column = min(column, self._rightmost)
        else:
            self._column = column if column > 0 else self._leftmost

    def move_to(self, place: Command) -> None:
        """Move the cursor to a line of the screen, or a column, or both."""
        self.move_down(place.down)
        if place.column is not None:
            self._column = max(self._leftmost, min(place.column, self._rightmost))
        if place.row is not None:
            self._row = self._top + min(place.row, self._below - self._top)

    @property
    def _below(self) -> int:
        """The last line that the cursor can move to."""
        return max(self._row, len(self._rows) + _REACH)

    @property
    def _rightmost(self) -> int:
        """The last column that the cursor can move to."""
        filled = len(self._rows[self._row]) if self._row < len(self._rows) else 0
        return max(_COLUMNS, filled, self._column)

    def save(self, _: int) -> None:
        """Save the position of the cursor."""
        self._saved = self._row, self._column

    def restore(self, _: int) -> None:
        """Move the cursor to the saved position."""
        row, self._column = self._saved
        self._row = max(row, self._top)

    def reset(self, _: int) -> None:
        """Begin with an empty screen."""
        self.erase_display(2)
        self._row, self._column = self._top, 0

    def erase_line(self, number: int) -> None:
        """Erase the line after the cursor (0), before it (1) or completely (2)."""
        row = self._rows[self._row] if self._row < len(self._rows) else ""
        if isinstance(row, str) and len(row) <= CHEAP:
            if row:
                self._rows[self._row] = erased(row, self._column, number)
            return
        cells, start = self._cells(), self._leftmost
        if number == 1:
            end = min(self._column + 1, len(cells))
            start = max(start, end - self._allowed.changed(end - start))
            cells[start:end] = [" "] * (end - start)
        else:
            del cells[start if number == 2 else self._column :]

    def erase_characters(self, number: int) -> None:
        """Replace ``number`` characters by blanks."""
        if self._row < len(self._rows):
            cells = self._cells()
            size = self._allowed.changed(min(max(number, 1), max(0, len(cells) - self._column)))
            cells[self._column : self._column + size] = [" "] * size

    def insert_characters(self, number: int) -> None:
        """Insert ``number`` blanks at the cursor."""
        cells = self._cells() if self._row < len(self._rows) else []
        if self._column < len(cells) and self._allowed.changed(len(cells)) == len(cells):
            blanks = self._allowed.added(min(number, _COLUMNS))
            cells[self._column : self._column] = [" "] * blanks

    def delete_characters(self, number: int) -> None:
        """Delete ``number`` characters at the cursor, and move the rest of the line to the left."""
        cells = self._cells() if self._row < len(self._rows) else []
        if self._allowed.changed(len(cells)) == len(cells):
            del cells[self._column : self._column + number]

    def erase_display(self, number: int) -> None:
        """Erase everything below the cursor (0), above it (1) or all (2)."""
        if number == 2:
            # Lines above the screen are kept, and the cursor does not come back to them.
            self._let_go(_REACH)
            self._rows = [""]
        elif number == 1:
            end = min(self._row, len(self._rows))
            start = end - self._allowed.changed(end - self._top)
            self._rows[start:end] = [""] * (end - start)
            self.erase_line(1)
        elif number == 0:
            del self._rows[self._row + 1 :]
            self.erase_line(0)

    def _way_back(self) -> str:
        """Movements from the end of the text to the saved position, and then to the cursor."""
        last = len(self._rows) - 1
        way = ""
        here = last, len(self._rows[last])
        if self._saved != (0, 0):
            way = way_between(here, self._saved) + "\x1b7"
            here = self._saved
        return way + way_between(here, (self._row, self._column))


_ACTIONS: Mapping[str, Callable[[Grid, int], None]] = {
    "J": Grid.erase_display,
    "K": Grid.erase_line,
    "X": Grid.erase_characters,
    "s": Grid.save,
    "u": Grid.restore,
    "c": Grid.reset,
    "@": Grid.insert_characters,
    "P": Grid.delete_characters,
}


_COUNTED = frozenset(
    {Grid.move_down, Grid.move_right, Grid.insert_characters, Grid.delete_characters}
)
"""What a sequence does again if it is repeated. To erase twice is to erase once."""

_Effect = tuple[Callable[[Grid, Any], None], Any]
"""A method of a grid, and its argument."""


def _read(sequence: str) -> _Effect:
    """The effect of a sequence."""
    what = command(sequence)
    if what.letter:
        return _ACTIONS[what.letter], what.number
    if what.right:
        return Grid.move_right, what.right
    if what.column is None and what.row is None:
        return Grid.move_down, what.down
    return Grid.move_to, what


# Parsing each of a million sequences would take longer than everything else.
_remembered = functools.lru_cache(maxsize=512)(_read)

_LONGEST = 32
"""Longer sequences are not cached, so that nothing large stays in memory."""
