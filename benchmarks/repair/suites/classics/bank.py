class Account:
    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance
        self.history = []

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("amount must be positive")
        self.balance += amount
        self.history.append(("deposit", amount))

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError("not enough money")
        self.balance -= amount
        self.history.append(("withdraw", amount))


def bank(start, moves):
    account = Account("x", start)
    failed = 0
    for move in moves:
        try:
            if move >= 0:
                account.deposit(move)
            else:
                account.withdraw(-move)
        except ValueError:
            failed += 1
    return account.balance, failed, account.history


# cases
CASES = [(10, [5, -3]), (0, [0]), (5, [-5]), (5, [-6]), (1, [2, 3, -6, -1]), (0, []), (100, [-50, -50, -1, 7])]
BUGS = [("self.balance -= amount", "self.balance += amount"), ("amount <= 0", "amount < 0"), ("amount > self.balance", "amount >= self.balance"), ("account.withdraw(-move)", "account.withdraw(move)"), ("(\"withdraw\", amount)", "(\"deposit\", amount)"), ("balance=0", "balance=1"), ("self.balance = balance\n", "self.balance = 0\n"), ("        self.history.append((\"deposit\", amount))\n", "")]
