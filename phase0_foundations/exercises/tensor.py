"""A tensor that remembers how it was made: reverse-mode autograd on NumPy arrays.

`Value` kept one number per node. Here a node is a whole array: one line of Python moves thousands
of numbers, and the engine's own cost disappears behind NumPy's. The idea is the same. Operations
(`ops.py`) leave a `Node` behind (`graph.py`), and `backward` walks them from the last to the first.

Gradients
- `backward()` *adds* to `.grad` of the leaves that require one; interior tensors never get one.
  `zero_grad()` drops it. Each leaf owns its `.grad` alone: change it in place as you like.
- The memory of a dropped `.grad` is kept: operations with large gradients (`ops.linear`) write the
  next one there. New memory each step would cost more than it seems, as its pages must be mapped.
- Each node is freed as soon as it has passed its gradients on. A second backward through the same
  graph raises, unless the first said `retain_graph=True`.

In-place changes
- `t[i] = v`, `t += v`, `-=`, `*=`, `/=` write into the array; a `t` that requires a gradient needs
  `no_grad()` around it. Each bumps a counter, which tensors that share memory share; `backward`
  raises if the counter of an operand or a result has moved: the forward pass saw other values.
- The counter cannot see NumPy code that writes into `t.data` behind the tensor's back. Code that
  does so (an optimiser) tells by `t.bump_version()`.

Baydin et al. 2018 (arXiv:1502.05767), section 3.2, is the survey. Left out: gradients of gradients.
"""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

from phase0_foundations.solution.graph import Backward, Node, no_grad, recording

FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}

__all__ = ["Parameter", "Tensor", "no_grad", "record", "unbroadcast"]


def unbroadcast(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient over the axes along which an operand of this shape was stretched.

    Broadcasting uses one number in many places; its gradient is the sum over all of them.

    Args:
        grad: any shape that `shape` broadcasts to.
        shape: the operand's own shape.

    Returns:
        An array of exactly `shape`, the dtype of grad.
    """
    # TODO 0.10: Every element of the operand gets the sum of the gradients of all places where
    # broadcasting used it.
    raise NotImplementedError("exercise 0.10: unbroadcast")


def record(
    name: str,
    data: np.ndarray,
    parents: tuple[Tensor, ...],
    backward: Backward,
    view_of: Tensor | None = None,
) -> Tensor:
    """Wrap the result of an operation and, if a parent requires a gradient, remember the way back.

    Args:
        name: what error messages call the operation.
        data: the result.
        parents: the tensors that it was computed from.
        backward: gives the parents' gradients for the result's. Each is the incoming gradient, a
            view, or a new array; it may still have the broadcast shape, which the engine undoes.
            It may hold the resulting array, but not the tensor: that would close a cycle.
        view_of: the parent whose memory the result shares.
    """
    out = Tensor(data)
    if view_of is not None:
        out.version = view_of.version
    if recording.get() and any(parent.requires_grad for parent in parents):
        out.requires_grad = True
        out.node = Node(name, out, parents, backward)
    return out


def backpropagate(root: Node, grad: np.ndarray, retain_graph: bool) -> None:
    """Carry the gradient of the root's result to all leaves below it.

    A node is born after those that it depends on. From the youngest to the oldest is therefore a
    topological order: when a node's turn comes, all who used its result have paid in their share.
    """
    grads = {root: grad}
    youngest_first = [(-root.birth, root)]
    while youngest_first:
        _, node = heappop(youngest_first)
        incoming = grads.pop(node)
        for parent, share in zip(node.parents, node.gradients(incoming), strict=True):
            if share is None or not parent.requires_grad:
                continue
            share = fit(share, parent)
            if parent.node is None:
                parent.accumulate(share, owned=share.base is None and share is not incoming)
            elif parent.node in grads:
                grads[parent.node] = grads[parent.node] + share  # not +=: shares may be shared
            else:
                grads[parent.node] = share
                heappush(youngest_first, (-parent.node.birth, parent.node))
        if not retain_graph:
            node.free()


def fit(grad: np.ndarray, parent: Tensor) -> np.ndarray:
    """Give a gradient the dtype and the shape of its tensor."""
    grad = np.asarray(grad, dtype=parent.data.dtype)
    return grad if grad.shape == parent.data.shape else unbroadcast(grad, parent.data.shape)


class Tensor:
    """An array, its gradient, and the operation that made it.

    Args:
        data: float32 and float64 arrays are kept, not copied; anything else becomes float32.
        requires_grad: whether `backward` shall leave a gradient here.
    """

    __slots__ = ("__weakref__", "data", "grad", "node", "requires_grad", "spare", "version")
    __array_ufunc__ = None  # so that `array + tensor` comes to Tensor.__radd__

    def __init__(self, data: np.typing.ArrayLike, requires_grad: bool = False) -> None:
        kept = getattr(data, "dtype", None) in FLOATS
        self.data: np.ndarray = np.asarray(data) if kept else np.asarray(data, dtype=np.float32)
        self.grad: np.ndarray | None = None
        self.spare: np.ndarray | None = None  # memory of the last gradient, for the next one
        self.requires_grad = requires_grad
        self.node: Node | None = None
        self.version = [0]  # a list, so that views can share it

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self.data.dtype

    def item(self) -> float:
        """Return the only element as a Python number."""
        return self.data.item()

    def detach(self) -> Tensor:
        """Return the same memory, cut off from the graph."""
        out = Tensor(self.data)
        out.version = self.version
        return out

    def __len__(self) -> int:
        return len(self.data)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        made_by = f", made by {self.node.name}" if self.node else ""
        asks = ", requires_grad=True" if self.requires_grad and not self.node else made_by
        return f"Tensor({np.array2string(self.data, precision=4, prefix='Tensor(')}{asks})"

    def backward(self, grad: np.ndarray | None = None, retain_graph: bool = False) -> None:
        """Add d self / d leaf to `.grad` of every leaf below that requires a gradient.

        Args:
            grad: gradient of some final loss with respect to self, of its shape; 1 for a scalar.
            retain_graph: keep the graph for another backward.

        Raises:
            ValueError: if grad has another shape, or is missing where self is no scalar.
            RuntimeError: if self has no graph, or a freed one, or a value in it changed in place.
        """
        if not self.requires_grad:
            raise RuntimeError("backward needs a tensor that was made from one that requires_grad")
        if grad is None and self.data.size != 1:
            raise ValueError(f"backward without a gradient needs a scalar, got shape {self.shape}")
        if grad is not None and np.shape(grad) != self.shape:
            raise ValueError(f"backward: gradient {np.shape(grad)} for a tensor {self.shape}")
        seed = np.ones_like(self.data) if grad is None else np.array(grad, dtype=self.dtype)
        if self.node is None:
            self.accumulate(seed, owned=True)
        else:
            backpropagate(self.node, seed, retain_graph)

    def accumulate(self, grad: np.ndarray, owned: bool) -> None:
        """Add to `.grad`. The first gradient becomes it: copied, unless nobody else holds it."""
        if self.grad is None:
            self.grad = grad if owned else grad.copy()
        else:
            self.grad += grad

    def zero_grad(self) -> None:
        """Forget the gradient, so that the next backward starts from nothing.

        Its memory may be written again by that backward: copy a gradient that you want to keep.
        """
        if self.grad is not None:
            self.spare, self.grad = self.grad, None

    def take_spare(self) -> np.ndarray | None:
        """Hand over, once, memory for a gradient: as `out=`, where None means new memory."""
        spare, self.spare = self.spare, None
        return spare

    def bump_version(self) -> None:
        """Tell the graph that the array was changed in place."""
        self.version[0] += 1

    def change(self, ufunc: np.ufunc, other: np.typing.ArrayLike) -> Tensor:
        """Replace the array's values by ufunc(self, other), in its own memory."""
        self.check_writable()
        ufunc(self.data, np.asarray(other), out=self.data)
        self.bump_version()
        return self

    def check_writable(self) -> None:
        """Raise a RuntimeError where an in-place change would not be recorded but should be."""
        if self.requires_grad and recording.get():
            raise RuntimeError(
                "in-place change of a tensor that requires a gradient: write x = x + y if it shall "
                "be differentiated, or wrap it in no_grad() to change a parameter"
            )

    def __setitem__(self, index: object, value: np.typing.ArrayLike) -> None:
        self.check_writable()
        self.data[index] = value
        self.bump_version()

    def __iadd__(self, other: np.typing.ArrayLike) -> Tensor:
        return self.change(np.add, other)

    def __isub__(self, other: np.typing.ArrayLike) -> Tensor:
        return self.change(np.subtract, other)

    def __imul__(self, other: np.typing.ArrayLike) -> Tensor:
        return self.change(np.multiply, other)

    def __itruediv__(self, other: np.typing.ArrayLike) -> Tensor:
        return self.change(np.divide, other)


class Parameter(Tensor):
    """A tensor that is to be learned."""

    __slots__ = ()

    def __init__(self, data: np.typing.ArrayLike) -> None:
        super().__init__(data, requires_grad=True)


# These hang the operators on the class (a + b, a.sum(), a[0], ...). They need it, hence last.
from phase0_foundations.solution import ops, reductions, views  # noqa: E402, F401
