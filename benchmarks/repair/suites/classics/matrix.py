def transpose(rows):
    return [[row[column] for row in rows] for column in range(len(rows[0]))]


def multiply(a, b):
    columns = transpose(b)
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


def matrix(a, b):
    if not a or not b or len(a[0]) != len(b):
        raise ValueError("shapes do not fit")
    return multiply(a, b)


# cases
CASES = [([[1, 2], [3, 4]], [[5, 6], [7, 8]]), ([[2]], [[3]]), ([[1, 2, 3]], [[1], [2], [3]]), ([[1], [2]], [[3, 4]]), ([[1, 0], [0, 1]], [[9, 8], [7, 6]]), ([[1, 2]], [[1, 2]]), ([], [[1]])]
BUGS = [("x * y for", "x + y for"), ("len(rows[0])", "len(rows)"), ("len(a[0]) != len(b)", "len(a) != len(b)"), ("for column in columns] for row in a", "for row in a] for column in columns"), ("ValueError", "TypeError"), ("not a or not b", "not a and not b")]
