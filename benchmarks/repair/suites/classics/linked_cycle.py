class Node:
    def __init__(self, value, following=None):
        self.value = value
        self.following = following


def linked_cycle(first):
    slow = fast = first
    while fast is not None and fast.following is not None:
        slow = slow.following
        fast = fast.following.following
        if slow is fast:
            return True
    return False


def has_cycle(count, back):
    nodes = [Node(value) for value in range(count)]
    for one, other in zip(nodes, nodes[1:]):
        one.following = other
    if back is not None and nodes:
        nodes[-1].following = nodes[back]
    return linked_cycle(nodes[0] if nodes else None)


# cases
CASES = [(3, None), (3, 0), (0, None), (1, None), (1, 0), (4, 2), (2, None), (5, None), (5, 4)]
BUGS = [("while fast is not None and fast.following is not None", "while fast.following is not None"), ("slow is fast", "slow is not fast"), ("fast = fast.following.following", "fast = fast.following"), ("fast is not None and fast.following is not None", "fast is not None")]
