def spiral(rows):
    rows = [list(row) for row in rows]
    result = []
    while rows:
        result += rows.pop(0)
        rows = [list(column) for column in zip(*rows)][::-1]
    return result


# cases
CASES = [([[1, 2], [3, 4]],), ([],), ([[1]],), ([[1, 2, 3]],), ([[1, 2, 3], [4, 5, 6], [7, 8, 9]],), ([[1], [2]],)]
BUGS = [("rows.pop(0)", "rows.pop()"), ("zip(*rows)][::-1]", "zip(*rows)]"), ("zip(*rows)", "zip(rows)"), ("result += rows", "result = rows")]
