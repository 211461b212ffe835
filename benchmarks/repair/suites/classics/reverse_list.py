class Node:
    def __init__(self, value, following=None):
        self.value = value
        self.following = following


def reverse(node):
    before = None
    while node:
        after = node.following
        node.following = before
        before = node
        node = after
    return before


def reverse_list(values):
    first = None
    for value in reversed(values):
        first = Node(value, first)
    node, result = reverse(first), []
    while node and len(result) < 100:
        result.append(node.value)
        node = node.following
    return result


# cases
CASES = [([1, 2, 3],), ([],), ([1],), ([4, 3],), (["a", "b", "c", "d"],)]
BUGS = [("        before = node\n", ""), ("node.following = before", "node.following = after"), ("    return before\n", "    return node\n"), ("        node = after\n", "        node = before\n")]
