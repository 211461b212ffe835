def hanoi(height, start="a", end="c", spare="b"):
    if height == 0:
        return []
    return (
        hanoi(height - 1, start, spare, end)
        + [(start, end)]
        + hanoi(height - 1, spare, end, start)
    )


# cases
CASES = [(0,), (1,), (2,), (3,), (4,), (2, "x", "y", "z")]
BUGS = [("[(start, end)]", "[(start, spare)]"), ("hanoi(height - 1, start, spare, end)", "hanoi(height - 1, start, end, spare)"), ("hanoi(height - 1, spare, end, start)", "hanoi(height - 1, end, spare, start)"), ("height == 0", "height == 1")]
