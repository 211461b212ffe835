def pascal(count):
    rows = [[1]]
    for r in range(1, count):
        row = []
        for c in range(r + 1):
            left = rows[r - 1][c - 1] if c > 0 else 0
            right = rows[r - 1][c] if c < r else 0
            row.append(left + right)
        rows.append(row)
    return rows


# cases
CASES = [(1,), (2,), (3,), (5,), (7,)]
BUGS = [("range(r + 1)", "range(r)"), ("c > 0", "c >= 0"), ("c < r", "c <= r"), ("left + right", "left * right"), ("rows[r - 1][c - 1]", "rows[r - 1][c]")]
