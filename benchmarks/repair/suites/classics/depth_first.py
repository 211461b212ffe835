def depth_first(graph, start, goal):
    seen = set()

    def visit(node):
        if node in seen:
            return False
        if node == goal:
            return True
        seen.add(node)
        return any(visit(other) for other in graph[node])

    return visit(start)


# cases
CASES = [({1: [2], 2: [3], 3: []}, 1, 3), ({1: [2], 2: [1], 3: []}, 1, 3), ({1: []}, 1, 1), ({"a": ["b", "c"], "b": ["a"], "c": ["d"], "d": []}, "a", "d"), ({1: [2, 3], 2: [], 3: [4], 4: [1], 5: []}, 1, 5)]
BUGS = [("        seen.add(node)\n", ""), ("any(", "all("), ("if node in seen:\n            return False", "if node in seen:\n            return True"), ("visit(other) for other", "visit(node) for other")]
