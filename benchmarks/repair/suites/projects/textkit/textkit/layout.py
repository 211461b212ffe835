def truncate(text, width, ending="..."):
    """At most so wide, and cut at a word where there is one."""
    if len(text) <= width:
        return text
    cut = text[: width - len(ending)]
    space = cut.rfind(" ")
    if space > 0:
        cut = cut[:space]
    return cut + ending


def center(text, width, fill=" "):
    left = (width - len(text)) // 2
    right = width - len(text) - left
    return fill * left + text + fill * right


def columns(rows, gap=2):
    """Rows of cells as lines of equal columns."""
    if not rows:
        return []
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        lines.append((" " * gap).join(cells).rstrip())
    return lines
