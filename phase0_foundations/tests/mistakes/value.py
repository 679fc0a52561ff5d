"""Classic wrong answers for `solution/value.py`."""

import math

from phase0_foundations.solution.value import Value, as_value, topological_order
from shared.mistakes import mistake

# -- 0.7 --------------------------------------------------------------------------------------


@mistake(
    "0.7",
    "value.Value.__add__",
    "A sum does not stretch its operands: nudge a by h and a + b moves by h, so the slope is 1.",
)
def add_passes_the_values(self, other):
    other = as_value(other)
    return Value(self.data + other.data, (self, other), (self.data, other.data), "+")


@mistake(
    "0.7",
    "value.Value.__add__",
    "Only the left operand was recorded as a child, so nothing ever flows to the right one.",
)
def add_forgets_the_right_operand(self, other):
    other = as_value(other)
    return Value(self.data + other.data, (self,), (1.0,), "+")


@mistake(
    "0.7",
    "value.Value.__mul__",
    "Each operand's local derivative is the *other* operand; here each gets its own value.",
)
def mul_own_value(self, other):
    other = as_value(other)
    return Value(self.data * other.data, (self, other), (self.data, other.data), "*")


@mistake(
    "0.7",
    "value.Value.__mul__",
    "The derivative of a product is not 1 for each factor; that is the rule for sums.",
)
def mul_like_a_sum(self, other):
    other = as_value(other)
    return Value(self.data * other.data, (self, other), (1.0, 1.0), "*")


@mistake(
    "0.7",
    "value.Value.__add__",
    "The left operand is itself changed and returned: a sum is a new node, and its operands stay as they are.",
)
def add_in_place(self, other):
    self.data += as_value(other).data
    return self


@mistake(
    "0.7",
    "value.Value.__mul__",
    "The left operand is itself changed and returned: a product is a new node, and its operands stay as they are.",
)
def mul_in_place(self, other):
    self.data *= as_value(other).data
    return self


@mistake(
    "0.7",
    "value.Value.__pow__",
    "The power rule takes the exponent down by one: n xⁿ⁻¹, and this is n xⁿ.",
)
def pow_keeps_the_exponent(self, exponent):
    slope = exponent * self.data**exponent
    return Value(self.data**exponent, (self,), (slope,), f"**{exponent}")


@mistake(
    "0.7",
    "value.Value.__pow__",
    "The exponent comes down as a factor too: n xⁿ⁻¹, and this is xⁿ⁻¹.",
)
def pow_forgets_the_factor(self, exponent):
    slope = self.data ** (exponent - 1)
    return Value(self.data**exponent, (self,), (slope,), f"**{exponent}")


@mistake(
    "0.7",
    "value.Value.__pow__",
    "** binds more tightly than -: x ** n - 1 is xⁿ minus 1. The exponent n - 1 wants brackets.",
)
def pow_without_brackets(self, exponent):
    slope = exponent * self.data**exponent - 1
    return Value(self.data**exponent, (self,), (slope,), f"**{exponent}")


@mistake(
    "0.7",
    "value.Value.exp",
    "x eˣ⁻¹ is the power rule, but here the variable is the exponent: eˣ is its own derivative.",
)
def exp_by_the_power_rule(self):
    slope = self.data * math.exp(self.data - 1)
    return Value(math.exp(self.data), (self,), (slope,), "exp")


@mistake(
    "0.7",
    "value.Value.log",
    "1 over the *input* is the slope of the logarithm; this is 1 over its result.",
)
def log_one_over_the_result(self):
    if self.data <= 0:
        raise ValueError(f"log needs a positive number; got {self.data}")
    result = math.log(self.data)
    return Value(result, (self,), (1.0 / result,), "log")


@mistake(
    "0.7",
    "value.Value.tanh",
    "1 - t² wants t = tanh(x), the output; with the input in its place it holds at 0 only.",
)
def tanh_slope_from_the_input(self):
    return Value(math.tanh(self.data), (self,), (1.0 - self.data**2,), "tanh")


@mistake(
    "0.7",
    "value.Value.tanh",
    "Close: the slope is 1 - tanh², a square; without it negative inputs get a slope above 1.",
)
def tanh_slope_without_the_square(self):
    result = math.tanh(self.data)
    return Value(result, (self,), (1.0 - result,), "tanh")


@mistake(
    "0.7",
    "value.Value.relu",
    "Where relu cuts to 0 it is flat, so its slope is 0; this one lets gradients through everywhere.",
)
def relu_never_closes(self):
    return Value(max(0.0, self.data), (self,), (1.0,), "relu")


@mistake(
    "0.7",
    "value.Value.relu",
    "Where relu is open its slope is 1; this passes on the value in place of the slope.",
)
def relu_passes_its_value(self):
    result = max(0.0, self.data)
    return Value(result, (self,), (result,), "relu")


@mistake(
    "0.7",
    "value.Value.relu",
    "Right but for the kink: at 0 itself the derivative is 0 by convention, so compare with >, not >=.",
)
def relu_open_at_the_kink(self):
    return Value(max(0.0, self.data), (self,), (float(self.data >= 0),), "relu")


# -- 0.8 --------------------------------------------------------------------------------------


@mistake(
    "0.8",
    "value.topological_order",
    "A node is listed before its children here (pre-order); list it once all of them are (post-order).",
)
def order_parents_first(root):
    order, seen, stack = [], set(), [root]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack.extend(reversed(node.children))
    return order


@mistake(
    "0.8",
    "value.topological_order",
    "Pre-order turned round is not post-order: a shared node met early ends up behind a user met later.",
)
def order_parents_first_reversed(root):
    order, seen, stack = [], set(), [root]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack.extend(reversed(node.children))
    return order[::-1]


@mistake(
    "0.8",
    "value.topological_order",
    "Pre-order turned round is not post-order: a shared node met early ends up behind a user met later.",
)
def order_right_parents_first_reversed(root):
    order, seen, stack = [], set(), [root]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack.extend(node.children)
    return order[::-1]


@mistake(
    "0.8",
    "value.topological_order",
    "Level by level is not enough: a node both near and far gets the near place, ahead of its users.",
)
def order_by_levels(root):
    levels, seen = [root], {root}
    for node in levels:
        for child in node.children:
            if child not in seen:
                seen.add(child)
                levels.append(child)
    return levels[::-1]


@mistake(
    "0.8",
    "value.topological_order",
    "A shared node is listed once per path, so its gradient is sent down again each time: mark the seen.",
)
def order_repeats_shared_nodes(root):
    order, stack = [], [(root, False)]
    while stack:
        node, children_done = stack.pop()
        if children_done:
            order.append(node)
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in node.children)
    return order


@mistake(
    "0.8",
    "value.topological_order",
    "Python gives up about 1,000 calls deep, and graphs are deeper: keep a stack of your own.",
)
def order_by_recursion(root):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for child in node.children:
                visit(child)
            order.append(node)

    visit(root)
    return order


@mistake(
    "0.8",
    "value.Value.backward",
    "The sweep starts from a gradient of 0, and 0 times anything is 0: seed the root with 1.",
)
def backward_without_a_seed(self):
    order = topological_order(self)
    for node in order:
        if node.children:
            node.grad = 0.0
    for node in reversed(order):
        for child, local_grad in zip(node.children, node.local_grads):
            child.grad += local_grad * node.grad


@mistake(
    "0.8",
    "value.Value.backward",
    "The sweep runs from the leaves up; a node may pass its gradient on only once it has all of it.",
)
def backward_from_the_leaves(self):
    order = topological_order(self)
    for node in order:
        if node.children:
            node.grad = 0.0
    self.grad += 1.0
    for node in order:
        for child, local_grad in zip(node.children, node.local_grads):
            child.grad += local_grad * node.grad


@mistake(
    "0.8",
    "value.Value.backward",
    "`=` keeps only the last path into a node; gradients of all paths add up, so `+=`.",
)
def backward_overwrites(self):
    order = topological_order(self)
    for node in order:
        if node.children:
            node.grad = 0.0
    self.grad = 1.0
    for node in reversed(order):
        for child, local_grad in zip(node.children, node.local_grads):
            child.grad = local_grad * node.grad


@mistake(
    "0.8",
    "value.Value.backward",
    "The local derivative is passed on without the gradient from above: the chain rule multiplies.",
)
def backward_without_the_chain(self):
    order = topological_order(self)
    for node in order:
        if node.children:
            node.grad = 0.0
    self.grad += 1.0
    for node in reversed(order):
        for child, local_grad in zip(node.children, node.local_grads):
            child.grad += local_grad


@mistake(
    "0.8",
    "value.Value.backward",
    "Interior gradients of the first call are still there and flow down again: start those at 0.",
)
def backward_keeps_interior_gradients(self):
    self.grad = 1.0
    for node in reversed(topological_order(self)):
        for child, local_grad in zip(node.children, node.local_grads):
            child.grad += local_grad * node.grad


@mistake(
    "0.8",
    "value.Value.backward",
    "Leaves were set to 0 as well, so a second loss wipes out the first: only interior nodes restart.",
)
def backward_clears_the_leaves(self):
    order = topological_order(self)
    for node in order:
        node.grad = 0.0
    self.grad = 1.0
    for node in reversed(order):
        for child, local_grad in zip(node.children, node.local_grads):
            child.grad += local_grad * node.grad
