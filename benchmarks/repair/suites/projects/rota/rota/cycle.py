def cycle(step, start):
    """Where a rotation ends up again: how many steps lead in, and how long it goes round."""
    slow = fast = start
    while True:
        if str(fast) not in step or str(step[str(fast)]) not in step:
            return None
        slow = step[str(slow)]
        fast = step[str(step[str(fast)])]
        if slow == fast:
            break
    lead, slow = 0, start
    while slow != fast:
        slow, fast = step[str(slow)], step[str(fast)]
        lead += 1
    length, fast = 1, step[str(slow)]
    while slow != fast:
        fast = step[str(fast)]
        length += 1
    return [lead, length]
