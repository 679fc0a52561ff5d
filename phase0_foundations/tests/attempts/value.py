"""The mistakes of `mistakes/value.py` again, as another learner would write them."""

import math

from phase0_foundations.solution.value import Value, as_value, topological_order
from shared.mistakes import attempt


@attempt("add_passes_the_values")
def _(self, other):
    right = other if isinstance(other, Value) else Value(other)
    out = Value(self.data + right.data, op="+")
    out.children = (self, right)
    out.local_grads = (self.data, right.data)
    return out


@attempt("add_forgets_the_right_operand")
def _(self, other):
    total = self.data + (other.data if isinstance(other, Value) else other)
    return Value(total, children=(self,), local_grads=(1,), op="+")


@attempt("mul_own_value")
def _(self, other):
    b = as_value(other)
    grads = tuple(v.data for v in (self, b))
    return Value(grads[0] * grads[1], (self, b), grads, "*")


@attempt("mul_like_a_sum")
def _(self, other):
    other = as_value(other)
    out = Value(other.data * self.data)
    out.op = "*"
    out.children, out.local_grads = (other, self), (1, 1)
    return out


@attempt("add_in_place")
def _(self, other):
    right = other if isinstance(other, Value) else Value(other)
    self.data = right.data + self.data
    return self


@attempt("mul_in_place")
def _(self, other):
    right = other if isinstance(other, Value) else Value(other)
    self.data = right.data * self.data
    return self


@attempt("pow_keeps_the_exponent")
def _(self, exponent):
    result = math.pow(self.data, exponent)
    return Value(result, (self,), (result * exponent,), "pow")


@attempt("pow_forgets_the_factor")
def _(self, exponent):
    x, n = self.data, exponent
    return Value(x**n, children=(self,), local_grads=(math.pow(x, n - 1),), op="pow")


@attempt("pow_without_brackets")
def _(self, exponent):
    x, n = self.data, exponent
    power = x**n
    return Value(power, children=(self,), local_grads=(n * power - 1,), op="pow")


@attempt("exp_by_the_power_rule")
def _(self):
    x = self.data
    out = Value(math.e**x, (self,), op="exp")
    out.local_grads = (x * math.e ** (x - 1),)
    return out


@attempt("log_one_over_the_result")
def _(self):
    if not self.data > 0:
        raise ValueError("log of something that is not positive")
    out = Value(math.log(self.data), (self,), op="log")
    out.local_grads = (out.data**-1,)
    return out


@attempt("tanh_slope_from_the_input")
def _(self):
    x = self.data
    up, down = math.exp(x), math.exp(-x)
    return Value((up - down) / (up + down), (self,), (1 - x * x,), "tanh")


@attempt("tanh_slope_without_the_square")
def _(self):
    t = Value(math.tanh(self.data), (self,), op="tanh")
    t.local_grads = (1 - t.data,)
    return t


@attempt("relu_never_closes")
def _(self):
    out = self.data if self.data > 0 else 0
    return Value(out, children=(self,), local_grads=(1,), op="relu")


@attempt("relu_passes_its_value")
def _(self):
    if self.data > 0:
        return Value(self.data, (self,), (self.data,), "relu")
    return Value(0, (self,), (0,), "relu")


@attempt("relu_open_at_the_kink")
def _(self):
    if self.data < 0:
        return Value(0, (self,), (0,), "relu")
    return Value(self.data, (self,), (1,), "relu")


@attempt("order_parents_first")
def _(root):
    found = []
    known = set()

    def walk(node):
        if id(node) in known:
            return
        known.add(id(node))
        found.append(node)
        for child in node.children:
            walk(child)

    walk(root)
    return found


@attempt("order_parents_first_reversed")
def _(root):
    found = []

    def walk(node):
        if node not in found:
            found.insert(0, node)
            for child in node.children:
                walk(child)

    walk(root)
    return found


@attempt("order_right_parents_first_reversed")
def _(root):
    found, known, waiting = [], {}, [root]
    while len(waiting) > 0:
        node = waiting.pop(-1)
        if id(node) in known:
            continue
        known[id(node)] = True
        found = [node, *found]
        for child in node.children:
            waiting.append(child)
    return found


@attempt("order_by_levels")
def _(root):
    from collections import deque

    found, known, waiting = [], {id(root)}, deque([root])
    while waiting:
        node = waiting.popleft()
        found.append(node)
        for child in node.children:
            if id(child) not in known:
                known.add(id(child))
                waiting.append(child)
    found.reverse()
    return found


@attempt("order_repeats_shared_nodes")
def _(root):
    def walk(node):
        below = []
        for child in node.children:
            below += walk(child)
        return [*below, node]

    return walk(root)


@attempt("order_by_recursion")
def _(root):
    result = []
    done = set()

    def build(v):
        if v in done:
            return
        done.add(v)
        for child in v.children:
            build(child)
        result.append(v)

    build(root)
    return result


@attempt("backward_without_a_seed")
def _(self):
    nodes = topological_order(self)
    for v in nodes:
        v.grad = v.grad if not v.children else 0.0
    while nodes:
        v = nodes.pop()
        for i, child in enumerate(v.children):
            child.grad = child.grad + v.grad * v.local_grads[i]


@attempt("backward_from_the_leaves")
def _(self):
    nodes = topological_order(self)
    for v in nodes:
        if len(v.children) > 0:
            v.grad = 0
    self.grad = self.grad + 1
    for v in nodes:
        for i in range(len(v.children)):
            v.children[i].grad += v.grad * v.local_grads[i]


@attempt("backward_overwrites")
def _(self):
    self.grad = 1
    for v in topological_order(self)[::-1]:
        for i in range(len(v.children)):
            v.children[i].grad = v.grad * v.local_grads[i]


@attempt("backward_without_the_chain")
def _(self):
    nodes = topological_order(self)
    for v in nodes:
        v.grad = 0.0 if v.children else v.grad
    self.grad += 1
    while nodes:
        v = nodes.pop()
        for child, slope in zip(v.children, v.local_grads):
            child.grad = child.grad + slope


@attempt("backward_keeps_interior_gradients")
def _(self):
    nodes = topological_order(self)
    self.grad = 1
    while nodes:
        v = nodes.pop()
        for i, child in enumerate(v.children):
            child.grad = child.grad + v.grad * v.local_grads[i]


@attempt("backward_clears_the_leaves")
def _(self):
    nodes = topological_order(self)
    for v in nodes:
        v.grad = 0
    nodes[-1].grad = 1
    for v in nodes[::-1]:
        g = v.grad
        for i in range(len(v.children)):
            v.children[i].grad += g * v.local_grads[i]
