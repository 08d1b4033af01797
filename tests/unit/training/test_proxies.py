import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from training.proxies import ProxyHead, TeacherHead, WeakHead

# Labels 0-3 are classes of their own; label 4 covers classes 1 and 3.
ALLOWED = torch.tensor(
    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 1]], dtype=torch.bool
)
TEMPERATURE = 0.2


def head(seed: int = 0) -> ProxyHead:
    torch.manual_seed(seed)
    return ProxyHead(8, ALLOWED, TEMPERATURE)


def unit_vectors(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return F.normalize(torch.randn(count, 8, generator=generator), dim=-1)


def probabilities(proxies: nn.Parameter, vectors: Tensor) -> NDArray[np.float64]:
    """(rows, classes): softmax of cosine over temperature, in double precision."""
    classes = proxies.detach().numpy().astype(np.float64)
    classes /= np.linalg.norm(classes, axis=1, keepdims=True)
    exps = np.exp(vectors.numpy().astype(np.float64) @ classes.T / TEMPERATURE)
    return exps / exps.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("labels", "covered"),
    [([2, 0, 3], [[2], [0], [3]]), ([4, 4, 1], [[1, 3], [1, 3], [1]])],
    ids=["one class each", "a label of two classes"],
)
def test_the_loss_is_minus_the_log_of_the_covered_probability(
    labels: list[int], covered: list[list[int]]
) -> None:
    proxy, vectors = head(), unit_vectors(3)
    p = probabilities(proxy.proxies, vectors)
    expected = np.mean([-np.log(p[row, classes].sum()) for row, classes in enumerate(covered)])
    assert proxy(vectors, torch.tensor(labels)).item() == pytest.approx(expected, rel=1e-5)


def test_a_label_that_covers_everything_costs_nothing() -> None:
    torch.manual_seed(0)
    proxy = ProxyHead(8, torch.ones((1, 4), dtype=torch.bool), TEMPERATURE)
    assert proxy(unit_vectors(4), torch.zeros(4, dtype=torch.int64)).item() == pytest.approx(
        0.0, abs=1e-6
    )


def test_the_length_of_a_proxy_does_not_matter() -> None:
    proxy, vectors, labels = head(), unit_vectors(3), torch.tensor([0, 4, 2])
    before = proxy(vectors, labels)
    with torch.no_grad():
        proxy.proxies *= torch.tensor([[0.1], [3.0], [7.0], [1.5]])
    torch.testing.assert_close(proxy(vectors, labels), before)


def test_rows_without_a_label_neither_count_nor_learn() -> None:
    proxy, vectors = head(), unit_vectors(5).requires_grad_()
    loss = proxy(vectors, torch.tensor([-1, 2, -1, 4, -1]))
    torch.testing.assert_close(loss, proxy(vectors[[1, 3]], torch.tensor([2, 4])))
    loss.backward()
    assert vectors.grad is not None
    assert (vectors.grad[[0, 2, 4]] == 0).all()
    assert (vectors.grad[[1, 3]].norm(dim=-1) > 0.01).all()


def test_gradients_are_finite_where_most_classes_are_ruled_out() -> None:
    proxy, vectors = head(), unit_vectors(3).requires_grad_()
    proxy(vectors, torch.tensor([0, 4, 3])).backward()
    assert proxy.proxies.grad is not None
    assert vectors.grad is not None
    assert proxy.proxies.grad.isfinite().all()
    assert vectors.grad.isfinite().all()
    assert (proxy.proxies.grad.norm(dim=-1) > 0).all()


def test_a_task_without_any_label_in_the_batch_gives_zero() -> None:
    proxy, vectors = head(), unit_vectors(3).requires_grad_()
    loss = proxy(vectors, torch.full((3,), -1))
    loss.backward()
    assert loss.item() == 0.0
    assert vectors.grad is not None
    assert (vectors.grad == 0).all()


def test_a_task_that_no_source_labels_gives_zero() -> None:
    proxy = ProxyHead(8, torch.zeros((0, 0), dtype=torch.bool), TEMPERATURE)
    assert proxy(unit_vectors(2), torch.tensor([-1, -1])).item() == 0.0


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 0, 0]])
def test_sampled_classes_are_the_whole_loss_where_they_cover_all(labels: list[int]) -> None:
    torch.manual_seed(0)
    whole = ProxyHead(8, torch.eye(40, dtype=torch.bool), TEMPERATURE, sampled=40)
    part = ProxyHead(8, torch.eye(40, dtype=torch.bool), TEMPERATURE, sampled=10)
    part.load_state_dict(whole.state_dict())
    vectors, right = unit_vectors(3), torch.tensor(labels)
    losses = [part(vectors, right).item() for _ in range(20)]
    # Fewer others to be told from: never more loss than against all, and each draw its own.
    assert max(losses) < whole(vectors, right).item()
    assert len(set(losses)) > 10


def test_a_sample_always_holds_the_classes_of_the_batch() -> None:
    torch.manual_seed(0)
    proxy = ProxyHead(8, torch.eye(100, dtype=torch.bool), TEMPERATURE, sampled=4)
    labels = torch.arange(12)  # more than the sample: all of them are kept
    vectors = F.normalize(proxy.proxies.detach(), dim=-1)[:12]
    assert proxy(vectors, labels).isfinite()
    p = probabilities(nn.Parameter(proxy.proxies.detach()[:12]), vectors)
    expected = -np.log(np.diag(p)).mean()
    assert proxy(vectors, labels).item() == pytest.approx(expected, rel=1e-4)


def test_the_guard_leaves_out_a_label_that_the_head_is_sure_is_wrong() -> None:
    torch.manual_seed(0)
    proxy = ProxyHead(8, torch.eye(4, dtype=torch.bool), 0.05)
    with torch.no_grad():
        proxy.proxies.copy_(torch.eye(8)[:4])
    vectors, labels = torch.eye(8)[:3], torch.tensor([0, 1, 3])  # the third shows class 2
    clean = proxy(vectors[:2], labels[:2])
    torch.testing.assert_close(proxy(vectors, labels, guard=True), clean)
    assert proxy(vectors, labels) > 1.0
    assert proxy(vectors[2:], labels[2:], guard=True).item() == 0.0


def test_the_guard_keeps_what_is_merely_hard() -> None:
    proxy, vectors, labels = head(), unit_vectors(3), torch.tensor([0, 4, 2])
    assert proxy(vectors, labels, guard=True).item() == proxy(vectors, labels).item()


def test_weak_labels_start_out_unlikely_and_cost_their_cross_entropy() -> None:
    torch.manual_seed(0)
    weak, vectors = WeakHead(8, 5), unit_vectors(2)
    targets = torch.tensor([[1.0, 0, 0, 0.5, 0], [0, 0, 1.0, 0, 0]])
    cosines = vectors @ F.normalize(weak.proxies.detach(), dim=-1).T
    p = torch.sigmoid(10 * cosines - 10)
    assert p.max() < 0.5
    expected = -(targets * p.log() + (1 - targets) * (1 - p).log()).sum() / 2.5
    torch.testing.assert_close(weak(vectors, targets), expected, rtol=1e-4, atol=1e-4)


def test_pictures_without_weak_labels_teach_nothing() -> None:
    torch.manual_seed(0)
    weak, vectors = WeakHead(8, 5), unit_vectors(2)
    targets = torch.tensor([[1.0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    torch.testing.assert_close(weak(vectors, targets), weak(vectors[:1], targets[:1]))
    assert weak(vectors, torch.zeros(2, 5)).item() == 0.0


@pytest.mark.parametrize("width", [8, 12])
def test_a_teacher_is_followed_by_direction(width: int) -> None:
    torch.manual_seed(0)
    head_, vectors = TeacherHead(8, width), unit_vectors(4)
    with torch.no_grad():
        there = F.normalize(head_.bridge(vectors), dim=-1)
    assert head_(vectors, there).item() == pytest.approx(0.0, abs=1e-6)
    assert head_(vectors, -there).item() == pytest.approx(2.0, abs=1e-6)
