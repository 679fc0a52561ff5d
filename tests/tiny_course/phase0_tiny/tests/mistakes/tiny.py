"""Classic wrong answers."""

from shared.mistakes import mistake


@mistake("0.1", "arith.mean", "The mean is taken over the columns, not over the rows.")
def wrong_axis(x):
    return x.sum(axis=0) / x.shape[0]


@mistake("0.1", "arith.mean", "The sum is not divided by the number of values.")
def not_divided(x):
    return x.sum(axis=1)


@mistake("0.1", "arith.mean", "The guard is gone: a vector must be refused.")
def no_guard(x):
    return x.sum(axis=-1) / x.shape[-1]


@mistake("0.2", "arith.Total.add", "The total forgets what it held: = where += belongs.")
def forgets(self, x):
    self.value = x
    return self.value


@mistake("0.3", "descent.minimise", "The step climbs: it must go against the gradient.")
def climbs(steps=50, lr=0.2):
    x, path = 0.0, []
    for _ in range(steps):
        x += lr * 2 * (x - 3)  # one step
        path.append(x)
    return path


@mistake("0.4", "predict.n_values", "That is rows plus columns; a matrix holds rows times columns.")
def adds():
    return 5
