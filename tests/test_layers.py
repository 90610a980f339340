"""The shape of the code: imports point down, and each third-party package has its door."""

from __future__ import annotations

import ast
from pathlib import Path

import tokensession
from tokensession import errors

PACKAGE = Path(tokensession.__file__).parent

# From the ground up: a module imports only from the folders before its own, and within its own.
LAYERS = [
    "errors", "observer", "forks", "format", "keys", "overflow", "sessions", "revocation",
    "directory", "stores", "tokens", "openid", "legacy", "web", "adapters", "testing",
    "pytest_plugin", "tools", "__main__", "__init__",
]  # fmt: skip
DOORS = {
    "msgspec": {"adapters/replaced", "format", "sessions/value", "tokens/changes", "tools/vectors"},
    "jwt": {"tokens/sealing", "legacy/jwt", "openid"},
    "cryptography": {"tokens/sealing", "tokens/reading", "keys", "overflow/reference"},
    "aiohttp": {"adapters/aiohttp"},
    "django": {"adapters/django", "legacy/django"},
    "flask": {
        "adapters/flask",
        "adapters/flask_login",
        "adapters/flask_managers",
        "adapters/flask_oidc",
        "adapters/flask_session",
        "adapters/quart",
    },
    "litestar": {"adapters/litestar"},
    "pyramid": {"adapters/pyramid"},
    "zope": {"adapters/pyramid"},
    "tornado": {"adapters/tornado"},
    "markupsafe": {"adapters/flask_session"},
    "quart": {"adapters/quart"},
    "werkzeug": {"adapters/flask", "adapters/flask_session"},
    "starlette": {"tools/demo"},
    "shtab": {"tools/cli"},
    "sqlalchemy": {"stores/sql"},
    "redis": {"stores/redis"},
    "pymemcache": {"stores/memcached"},
    "pymongo": {"stores/mongo"},
    "uvicorn": {"tools/demo"},
    "itsdangerous": {"legacy/itsdangerous"},
    "pytest": {"pytest_plugin"},
}
MODULES = {path.relative_to(PACKAGE): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}


def imported(tree: ast.AST) -> set[str]:
    """Return the full names that a module imports, at any depth."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer(path: Path) -> str:
    """Return the layer that a file is part of."""
    return path.parts[0].removesuffix(".py")


def part(path: Path) -> str:
    """Return a file's name below the package, without its ending."""
    return path.with_suffix("").as_posix()


def test_imports_point_down() -> None:
    """No module imports from its own layer's upper neighbours, nor from the package's root."""
    for path, tree in MODULES.items():
        here = LAYERS.index(layer(path))
        for name in imported(tree):
            if not name.startswith("tokensession."):
                continue
            module = name.split(".")[1]
            if module == "__version__":
                continue
            assert module in LAYERS, f"{path} imports {name} from the package's root"
            below = LAYERS.index(module)
            assert below < here or (below == here and len(path.parts) > 1), f"{path}: {name}"


def test_every_module_has_a_layer() -> None:
    """A new file finds its place here, and a removed one leaves it."""
    assert {layer(path) for path in MODULES} == set(LAYERS)


def test_third_party_packages_have_doors() -> None:
    """Each enters through the files named here."""
    for path, tree in MODULES.items():
        for name in imported(tree):
            doors = DOORS.get(name.split(".")[0])
            here = {layer(path), part(path), path.parent.as_posix()}
            assert doors is None or here & doors, f"{path} imports {name}"


def test_no_module_draws_from_the_applications_random_generator() -> None:
    """It may be seeded; and a thread that drew from it would change what a property test sees."""
    drawn = {name for tree in MODULES.values() for name in imported(tree)}
    assert {name for name in drawn if name.split(".")[0] == "random"} == {"random.SystemRandom"}


def test_adapters_know_neither_keys_nor_crypto() -> None:
    """An adapter sequences: policy and tokens are the manager's and the codec's."""
    allowed = {"errors", "sessions", "web", "adapters"}
    makers = {"tokens.codec.SessionCodec"}  # of what settings ask for
    for path, tree in MODULES.items():
        if layer(path) != "adapters":
            continue
        typing_only = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
            for name in imported(node)
        }
        for name in imported(tree) - typing_only:
            if name.startswith("tokensession."):
                inside = name.removeprefix("tokensession.")
                assert inside.split(".")[0] in allowed or inside in makers, f"{path}: {name}"


def test_exported_names_are_complete() -> None:
    """The root exports all of its imports, sorted, and among them every error."""
    assert tokensession.__all__ == sorted(tokensession.__all__)
    tree = MODULES[Path("__init__.py")]
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
             for alias in node.names}  # fmt: skip
    assert names == set(tokensession.__all__)
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, Exception):
            assert name in names


def test_the_error_tree_is_the_one_drawn() -> None:
    """The docstring of errors names each class once, and its code."""
    drawn = errors.__doc__ or ""
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.TokenSessionError):
            assert drawn.count(f" {name} ") + drawn.count(f"    {name}\n") == 1, name
            code = getattr(value, "code", None)
            assert code is None or f"{name} " in drawn
            assert code is None or drawn.rstrip().count(code) >= 1
