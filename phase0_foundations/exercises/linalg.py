"""The linear algebra that the rest of the course stands on, written out once by hand.

One product seen in three ways, the rule by which shapes broadcast, the nearest point of a subspace,
and the singular value decomposition, found one direction at a time. After Strang, *Introduction to
Linear Algebra* (MIT 18.06), lectures 1, 3, 15, 16 and 29. `np.linalg` does all of this faster; here
it is slow enough to be seen.
"""

import numpy as np


def matmul_loops(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Multiply two matrices number by number: C[i, j] = sum over k of A[i, k] * B[k, j].

    Args:
        A: (m, k).
        B: (k, n). Neither is modified.

    Returns:
        (m, n), of the dtype np.result_type(A, B); zeros where k = 0.

    Raises:
        ValueError: if A and B are not matrices whose inner sizes agree.
    """
    if A.ndim != 2 or B.ndim != 2 or A.shape[1] != B.shape[0]:
        raise ValueError(f"need A (m, k) and B (k, n); got {A.shape} and {B.shape}")
    # TODO 0.1: C[i, j] is the sum over k of A[i, k] * B[k, j], by three plain loops.
    raise NotImplementedError("exercise 0.1: matmul_loops")


def matmul_rows_by_columns(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Multiply two matrices entry by entry: C[i, j] is row i of A dotted with column j of B.

    Args:
        A: (m, k).
        B: (k, n). Neither is modified.

    Returns:
        (m, n), of the dtype np.result_type(A, B).

    Raises:
        ValueError: if A and B are not matrices whose inner sizes agree.
    """
    if A.ndim != 2 or B.ndim != 2 or A.shape[1] != B.shape[0]:
        raise ValueError(f"need A (m, k) and B (k, n); got {A.shape} and {B.shape}")
    # TODO 0.1: C[i, j] is row i of A dotted with column j of B, by two loops.
    raise NotImplementedError("exercise 0.1: matmul_rows_by_columns")


def matmul_outer_products(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Multiply two matrices layer by layer: the sum over k of (column k of A) times (row k of B).

    Each term is a whole (m, n) matrix of rank one. A sum of r of them has rank r at most: this is
    the view behind `truncated_svd`, and behind LoRA in phase 3.

    Args:
        A: (m, k).
        B: (k, n). Neither is modified.

    Returns:
        (m, n), of the dtype np.result_type(A, B); zeros where k = 0.

    Raises:
        ValueError: if A and B are not matrices whose inner sizes agree.
    """
    if A.ndim != 2 or B.ndim != 2 or A.shape[1] != B.shape[0]:
        raise ValueError(f"need A (m, k) and B (k, n); got {A.shape} and {B.shape}")
    # TODO 0.1: C is the sum over k of the outer product of column k of A and row k of B, by one
    # loop.
    raise NotImplementedError("exercise 0.1: matmul_outer_products")


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that arrays of these shapes broadcast to.

    NumPy's rule: align the shapes at their *last* axis and fill up with 1 on the left; on each axis
    the sizes other than 1 must agree, and they win. A size of 0 is a size like any other.

    Args:
        shapes: any number of shapes; of no shapes the result is ().

    Raises:
        ValueError: if two sizes on one axis disagree.
    """
    # TODO 0.3: On each axis, aligned at the last, the one size other than 1 wins; two such sizes
    # are a ValueError.
    raise NotImplementedError("exercise 0.3: broadcast_shape")


def batched_matmul(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Multiply matrices in batches: the last two axes are matrices, the axes before them broadcast.

    Args:
        A: (..., m, k).
        B: (..., k, n). Neither is modified.

    Returns:
        (..., m, n), where ... is the broadcast shape of both batches. One einsum can say it.

    Raises:
        ValueError: if A or B has fewer than two axes, or the inner sizes differ.
    """
    if A.ndim < 2 or B.ndim < 2 or A.shape[-1] != B.shape[-2]:
        raise ValueError(f"need A (..., m, k) and B (..., k, n); got {A.shape} and {B.shape}")
    # TODO 0.3: The last two axes multiply as matrices, and the axes before them broadcast.
    raise NotImplementedError("exercise 0.3: batched_matmul")


def project(b: np.ndarray, A: np.ndarray) -> np.ndarray:
    """Return the point nearest to b among all combinations of the columns of A.

    p = A (AᵀA)⁻¹ Aᵀ b (Strang, lecture 15).

    Args:
        b: (m,).
        A: (m, n), independent columns, so n <= m. Neither is modified.

    Returns:
        (m,): p, such that b - p is orthogonal to every column of A.

    Raises:
        ValueError: if A has more columns than rows, or b not as many numbers as A has rows.
    """
    if A.ndim != 2 or A.shape[1] > A.shape[0] or b.shape != A.shape[:1]:
        raise ValueError(f"need b (m,) and A (m, n) with n <= m; got {b.shape} and {A.shape}")
    # TODO 0.4: b - p is orthogonal to every column of A, and p is a combination of them.
    raise NotImplementedError("exercise 0.4: project")


def least_squares(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the x for which A x comes nearest to b: the coefficients of the projection.

    The normal equations AᵀA x = Aᵀb say it (Strang, lecture 16). Solving them as they stand loses
    half of the digits, since AᵀA has the square of A's condition number; `np.linalg.qr` helps.

    Args:
        A: (m, n), independent columns, so n <= m.
        b: (m,). Neither is modified.

    Returns:
        (n,): x.

    Raises:
        ValueError: if A has more columns than rows, or b not as many numbers as A has rows.
    """
    if A.ndim != 2 or A.shape[1] > A.shape[0] or b.shape != A.shape[:1]:
        raise ValueError(f"need A (m, n) with n <= m and b (m,); got {A.shape} and {b.shape}")
    # TODO 0.4: A x is the projection of b, also for columns so nearly dependent that AᵀA loses
    # their digits.
    raise NotImplementedError("exercise 0.4: least_squares")


def power_iteration(A: np.ndarray, v: np.ndarray, n_steps: int) -> tuple[float, np.ndarray]:
    """Find the eigenvalue of A that is largest in size, and its eigenvector.

    Multiply by A again and again: each step stretches the component along the dominant eigenvector
    more than any other, and the rest fades like |λ₂/λ₁| per step. Only the direction matters, so
    the length is set back to 1 after each step. The eigenvalue is the Rayleigh quotient vᵀAv, which
    knows its sign.

    Args:
        A: (n, n), symmetric.
        v: (n,), where to start; not zero. Neither is modified.
        n_steps: how many multiplications by A.

    Returns:
        The eigenvalue and the unit eigenvector (n,); 0 and the unit v reached if A v becomes zero.

    Raises:
        ValueError: if A is not square, v has not its size, or v is zero.
    """
    if A.ndim != 2 or A.shape[0] != A.shape[1] or v.shape != A.shape[:1] or not v.any():
        raise ValueError(f"need A (n, n) and a v (n,) that is not zero; got {A.shape}, {v.shape}")
    # TODO 0.5: v is multiplied by A n_steps times and has length 1 after each; the eigenvalue is
    # the Rayleigh quotient of the last v.
    raise NotImplementedError("exercise 0.5: power_iteration")


def truncated_svd(
    A: np.ndarray, rank: int, rng: np.random.Generator, n_steps: int = 200
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the best approximation of A by a sum of `rank` outer products: A ≈ U diag(S) Vt.

    The top right singular vector is the dominant eigenvector of AᵀA; then A v = σ u gives the other
    two. *Deflation* takes that layer, σ u vᵀ, away and asks the rest for its top direction. No
    matrix of that rank comes nearer to A (Eckart and Young 1936); LoRA bets that what fine-tuning
    adds to a weight matrix is such a thin sum (phase 3).

    Args:
        A: (m, n), of at least that rank. It is not modified.
        rank: how many singular triplets, from the largest down; 0 is an empty sum.
        rng: draws the start of each power iteration.
        n_steps: power iterations for each triplet.

    Returns:
        U (m, rank), S (rank,) descending, Vt (rank, n), as in `np.linalg.svd`; float64. These
        shapes hold for rank 0 too: (m, 0), (0,) and (0, n).

    Raises:
        ValueError: if the rank is not between 0 and the smaller side of A.
    """
    if A.ndim != 2 or not 0 <= rank <= min(A.shape):
        raise ValueError(f"need A (m, n) and 0 <= rank <= min(m, n); got {A.shape} and {rank}")
    # TODO 0.5: U diag(S) Vt is the best approximation of that rank, found one outer product at a
    # time, each taken away from what is left.
    raise NotImplementedError("exercise 0.5: truncated_svd")
