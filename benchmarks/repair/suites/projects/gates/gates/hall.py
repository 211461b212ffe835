"""A hall with its seats."""


class Hall:
    def __init__(self, rows, width):
        self.rows, self.width = rows, width
        self.taken = {}
        self.closed = False

    def free(self):
        seats = []
        for row in range(self.rows):
            for place in range(self.width):
                if (row, place) in self.taken:
                    continue
                seats.append((row, place))
        return seats

    def together(self, count):
        """The first seats of one row that are free beside each other."""
        for row in range(self.rows):
            run = []
            for place in range(self.width):
                if (row, place) in self.taken:
                    run = []
                    continue
                run.append((row, place))
                if len(run) == count:
                    return run
        return []

    def close(self):
        self.closed = True
        self.taken.clear()
