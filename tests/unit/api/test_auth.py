"""Which scope opens what; and that whatever is not listed stays shut."""

import pytest

from service.api.auth import needed_scope


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/", None),
        ("HEAD", "/", None),
        ("GET", "/static/app.js", None),
        ("GET", "/livez", None),
        ("GET", "/readyz", None),
        ("GET", "/docs", None),
        ("GET", "/openapi.json", None),
        ("GET", "/v1/images/" + "0" * 64, None),
        ("POST", "/v1/search", "search"),
        ("POST", "/v1/search:batch", "search"),
        ("POST", "/v1/embeddings", "search"),
        ("POST", "/v1/events", "search"),
        ("GET", "/v1/products", "search"),
        ("GET", "/v1/products/a/b", "search"),
        ("GET", "/v1/products/a/similar", "search"),
        ("GET", "/v1/index", "search"),
        ("PUT", "/v1/products/a", "write"),
        ("PATCH", "/v1/products/a", "write"),
        ("DELETE", "/v1/products/a", "write"),
        ("POST", "/v1/products:bulk", "write"),
        ("GET", "/v1/index/versions", "admin"),
        ("POST", "/v1/index:promote", "admin"),
        ("POST", "/v1/index:rollback", "admin"),
        ("POST", "/v1/index", "admin"),
        ("GET", "/metrics", "admin"),
        ("POST", "/v1/images/x", "admin"),
        ("POST", "/", "admin"),
        ("OPTIONS", "/", "admin"),
        ("GET", "/v1/anything-new", "admin"),
        ("GET", "/admin", "admin"),
        ("GET", "//v1/images/x", "admin"),
        ("GET", "/V1/search", "admin"),
        ("GET", "", "admin"),
    ],
)
def test_the_scope_that_opens_it(method: str, path: str, scope: str | None) -> None:
    assert needed_scope(method, path) == scope
