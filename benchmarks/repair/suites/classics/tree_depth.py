def insert(tree, value):
    if tree is None:
        return {"value": value, "left": None, "right": None}
    side = "left" if value < tree["value"] else "right"
    tree[side] = insert(tree[side], value)
    return tree


def depth(tree):
    if tree is None:
        return 0
    return 1 + max(depth(tree["left"]), depth(tree["right"]))


def in_order(tree):
    if tree is None:
        return []
    return in_order(tree["left"]) + [tree["value"]] + in_order(tree["right"])


def tree_depth(values):
    tree = None
    for value in values:
        tree = insert(tree, value)
    return depth(tree), in_order(tree)


# cases
CASES = [([2, 1, 3],), ([],), ([1, 2, 3, 4],), ([5, 3, 8, 1, 4, 7],), ([2, 2],), ([9],), ([6, 2, 9, 1, 5, 3],)]
BUGS = [("1 + max(", "1 + min("), ("depth(tree[\"right\"])", "depth(tree[\"left\"])"), ("value < tree[\"value\"]", "value > tree[\"value\"]"), ("tree[side] = insert(tree[side], value)", "insert(tree[side], value)"), ("return []", "return None"), ("tree = insert(tree, value)\n    return", "insert(tree, value)\n    return")]
