def topological(needs):
    order = []
    waiting = sorted(needs)
    while waiting:
        ready = [node for node in waiting if all(need in order for need in needs[node])]
        if not ready:
            return None
        order.extend(ready)
        waiting = [node for node in waiting if node not in ready]
    return order


# cases
CASES = [({"a": [], "b": ["a"], "c": ["a", "b"]},), ({"a": ["b"], "b": ["a"]},), ({},), ({"x": ["y"], "y": ["z"], "z": []},), ({1: [2, 3], 2: [], 3: [2], 4: [1]},)]
BUGS = [("all(need in order", "any(need in order"), ("order.extend(ready)", "order.append(ready)"), ("node not in ready]", "node in ready]"), ("if not ready", "if ready"), ("for need in needs[node]", "for need in needs")]
