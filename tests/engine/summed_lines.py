"""Sums and maxima along rows and columns in NumPy, in the order that kernels take them in."""

import numpy as np

from thalweg.engine.pieces.line_pieces import lines, pieces


def shape_of(counts, scope):
    """The shape in which numbers of a scope meet those of others."""
    matrices, rows, columns = counts
    return {"row": (matrices, rows, 1), "column": (matrices, 1, columns), "matrix": (matrices, 1, 1)}.get(scope, counts)


def folded(columns, both):
    """Bring the last 256 columns together pairwise."""
    while columns.shape[-1] > 1:
        half = columns.shape[-1] // 2
        columns = both(columns[..., :half], columns[..., half:])
    return columns[..., 0]


def in_columns(found, columns, both):
    """Take in lines one after the other, 256 elements at a time; the columns of all lines, or one set for all."""
    width = found.shape[-1]
    for first in range(0, width, 256):
        part = found[..., first : first + 256]
        columns[..., : part.shape[-1]] = both(columns[..., : part.shape[-1]], part)
    return columns


def added(terms):
    """Add in 256 columns, one after the other, and the columns pairwise."""
    return folded(in_columns(terms, np.zeros(256), np.add), np.add)


def total_of_lines(wide, counts, program):
    """The sum over a parameter: the lines of each piece one after the other, and pieces as elements are."""
    width = lines(counts, program.domain)[2]
    found, totals = wide.reshape(-1, width), []
    for piece in pieces([counts], program):
        columns = np.zeros(256)
        for line in found[piece.first : piece.first + piece.length]:
            in_columns(line, columns, np.add)
        totals.append(folded(columns, np.add))
    return float(added(np.array(totals)))


def along(wide, node, counts, program):
    """What a pass finds along its lines, or across them."""
    is_max = node.how.endswith("max")
    both, start = (np.maximum, -np.inf) if is_max else (np.add, 0.0)
    _, height, width = lines(counts, program.domain)
    found = wide.reshape(-1, width)
    if program.domain == "element" and node.side == "column":
        result, count = across(found, counts, both, start, program), height
    else:
        result, count = folded(in_columns(found, np.full((len(found), 256), start), both), both), width
    return result / count if node.how.endswith("mean") else result


def across(found, counts, both, start, program):
    """Line after line within a piece, and then piece after piece."""
    matrices, _, width = counts
    result = np.full((matrices, width), start)
    for piece in pieces([counts], program):
        own = np.full((matrices, width), start)
        for line in range(piece.first, piece.first + piece.length):
            own[line // piece.height] = both(own[line // piece.height], found[line])
        first = piece.first // piece.height
        touched = slice(first, first + max(piece.done, 1))
        is_start = piece.partial == piece.into
        result[touched] = own[touched] if is_start else both(result[touched], own[touched])
    return result.reshape(-1)
