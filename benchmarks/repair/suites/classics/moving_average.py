def moving_average(values, width):
    if width <= 0:
        raise ValueError("width must be positive")
    result = []
    total = 0
    for place, value in enumerate(values):
        total += value
        if place >= width:
            total -= values[place - width]
        if place >= width - 1:
            result.append(total / width)
    return result


# cases
CASES = [([1, 2, 3, 4], 2), ([], 3), ([5], 1), ([1, 2], 3), ([2, 4, 6, 8, 10], 3), ([1], 0), ([3, 3, 3], 2)]
BUGS = [("values[place - width]", "values[width - place]"), ("place >= width - 1", "place >= width"), ("total / width", "total // width"), ("place >= width:", "place > width:"), ("width <= 0", "width < 0"), ("total -= values", "total += values")]
