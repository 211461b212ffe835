def merge(shifts):
    """Join shifts that touch or overlap: [start, end] in hours."""
    joined = []
    for start, end in sorted(shifts):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return joined


def free(shifts, opens, closes):
    """The hours between opening and closing that no shift covers."""
    gaps = []
    at = opens
    for start, end in merge(shifts):
        if start > at:
            gaps.append([at, min(start, closes)])
        at = max(at, end)
        if at >= closes:
            break
    if at < closes:
        gaps.append([at, closes])
    return gaps
