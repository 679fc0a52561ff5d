"""The mistakes in another style."""

from shared.mistakes import attempt


@attempt("by_variance")
def _(data):
    out = np.empty_like(data)
    for j in range(data.shape[1]):
        column = data[:, j]
        m = sum(column) / len(column)
        out[:, j] = (column - m) / (sum((column - m) ** 2) / len(column))
    return out


@attempt("unbiased")
def _(data):
    n = len(data)
    middle = data.sum(0) / n
    spread = np.sqrt(((data - middle) ** 2).sum(0) / (n - 1))
    return (data - middle) / spread


@attempt("centred")
def _(data):
    return np.stack([row - data.mean(0) for row in data])


@attempt("overflows")
def _(z):
    powers = np.exp(np.array(z))
    return torch.from_numpy(powers / powers.sum(-1)[:, None])


@attempt("over_columns")
def _(z):
    e = torch.exp(z - z.max())
    return e / e.sum(0)


@attempt("Recursive")
class _:
    def __init__(self):
        self.now = 0

    def add(self, new):
        self.now += (new - self.now) * 0.5

    def value(self):
        return self.now


@attempt("Bessel")
class _:
    def __init__(self):
        self.sum, self.count = 0, -1

    def add(self, new):
        self.sum, self.count = self.sum + new, self.count + 1

    def value(self):
        return self.sum / self.count


@attempt("message_without_text")
def _(s):
    for character in s.strip():
        if character not in "0123456789":
            raise ValueError("no number")
    return int(s)


@attempt("returns_none")
def _(s):
    try:
        return int(s)
    except ValueError:
        pass


@attempt("wants_digits")
def _(s):
    number = 0
    for character in s:
        if not character.isdigit():
            raise ValueError("no number: " + repr(s))
        number = 10 * number + int(character)
    return number


@attempt("climbs")
def _(steps, rate):
    torch.manual_seed(0)
    x = torch.randn(64, 1)
    w = torch.zeros(1, requires_grad=True)
    history = []
    for step in range(steps):
        error = torch.nn.functional.mse_loss(x * w, 3 * x)
        error.backward()
        w.data += rate * w.grad
        w.grad = None
        history += [float(error)]
    return history


@attempt("half_steps")
def _(steps, rate):
    torch.manual_seed(0)
    x = torch.randn(64, 1)
    w = torch.zeros(1, requires_grad=True)
    history = []
    optimiser = torch.optim.SGD([w], lr=rate)
    for step in range(steps):
        residual = x * (w - 3)
        optimiser.zero_grad()
        (residual**2 / 2).mean().backward()
        optimiser.step()
        history.append((residual**2).mean().item())
    return history


@attempt("elementwise")
def _(u, v):
    return np.array(u.pair()) * np.array(v.pair())
