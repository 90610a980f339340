# ruff: noqa: INP001 - a program beside the files that it writes, not a package
"""Writes the reference of the public names, docs/reference/, from signatures and docstrings.

Usage: `python docs/reference.py`

Needs the extra ``test``. Removes a page that PAGES no longer names. Reads the code without
importing it, so the text does not depend on the installed packages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "reference"
# Which names a page describes, by module; none stands for all that the package's root exports.
PAGES: Final[dict[str, dict[str, list[str]]]] = {
    "tokensession": {"": []},
    "errors": {"errors": []},
    "adapters": {
        "adapters.asgi": ["SessionMiddleware", "session_of"],
        "adapters.wsgi": ["SessionMiddleware", "session_of"],
        "adapters.litestar": ["SessionConfig", "session_of"],
        "adapters.flask": ["SessionInterface", "session_of"],
        "adapters.flask_session": ["Session"],
        "adapters.quart": ["SessionInterface", "session_of"],
        "adapters.pyramid": ["SessionFactory", "Session", "session_of"],
        "adapters.tornado": ["setup", "SessionMixin"],
        "adapters.django": [
            "SessionMiddleware",
            "SessionStore",
            "session_of",
            "configured_manager",
        ],
        "adapters.aiohttp": ["setup", "session_of", "get_session", "new_session"],
        "adapters.aiohttp_session": ["Session"],
        "web.options": ["Options", "CodecOptions"],
    },
    "keys": {
        "keys.jwk": ["Key"],
        "keys.rotation": ["Schedule", "plan", "Event", "next_rotation", "revoke_key"],
        "keys.watcher": ["KeyRingWatcher", "WatcherStatus"],
        "keys.source": ["KeySource", "load_ring", "create", "update"],
        "keys.file_source": ["FileSource", "EnvironmentSource"],
        "stores.urls": ["source_from_url"],
    },
    "stores": {
        "stores": ["connect", "Connection"],
    },
    "revocation": {
        "revocation.lookup": ["Lookup"],
        "revocation.replica": ["Replica"],
        "revocation.store": ["Store"],
    },
    "directory": {
        "directory.directory": ["Directory", "ListedSession"],
        "directory.store": ["Store"],
    },
    "openid": {
        "openid.back_channel": ["BackChannelLogout", "Answer"],
    },
    "overflow": {
        "overflow.store": ["Store"],
    },
    "legacy": {
        "legacy.reader": ["LegacyReader", "LegacySession"],
        "legacy.starlette": ["StarletteReader"],
        "legacy.flask": ["FlaskReader"],
        "legacy.django": ["DjangoReader"],
        "legacy.express": ["ExpressReader"],
        "legacy.jwt": ["JWTReader"],
    },
    "testing": {
        "testing": [
            "FixedClock",
            "fixed_ring",
            "session_cookie",
            "session_in",
            "set_on_starlette",
            "set_on_flask",
            "set_on_django",
            "set_on_aiohttp",
        ],
        "pytest_plugin": ["fixed_clock", "fixed_ring"],
        "observer": ["Observer"],
        "sessions.events": ["Audit", "Event"],
    },
}
# Of these classes, what applications and adapters call; the rest is between modules of the core.
ONLY: Final[dict[str, list[str]]] = {
    "Policy": ["owasp", "aal1", "aal2"],
    "Overflow": [],
    "Lookup": [],
    "Directory": [],
    "Replica": ["staleness", "size", "read", "close"],
    "Connection": ["name", "revocations", "directory", "overflow", "keys", "create", "close"],
    "SessionCodec": [
        "encode",
        "decode",
        "new",
        "renew",
        "revoke",
        "revoke_subject",
        "revoke_all",
        "confirm",
        "sessions",
        "asessions",
        "end_session",
        "aend_session",
        "end_provider_session",
    ],
    "SessionManager": [
        "open",
        "can_wait",
        "lags",
        "opening",
        "save",
        "saving",
        "complete",
        "is_changed",
        "check_unchanged",
        "token",
        "until_closed",
    ],
}
INHERITS: Final = {
    "KeyRing",
    "Session",
    "SessionCodec",
}  # what these classes inherit is described as theirs
# Applications do not call these classes.
MADE_ELSEWHERE: Final = {"Session", "RequestSession", "Key", "Connection"}
# Bases that tell a reader nothing.
UNSAID: Final = (
    "Generic",
    "Protocol",
    "NamedTuple",
    "ABC",
    "Role",
    "Store",
    "TransactionalStore",
    "Check",
    "SignedReader",
)
WIDTH: Final = 92  # characters of a signature on one line


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)


def pages(packages: Path = ROOT) -> dict[str, str]:
    """Return the text of each file of the folder, from the package in another one."""
    root = griffe.load("tokensession", search_paths=[packages], docstring_parser="google")
    assert isinstance(root, griffe.Module)
    made = {f"{page}.md": _page(root, page, modules) for page, modules in PAGES.items()}
    return {"README.md": _index(root), **made}


def _index(root: griffe.Module) -> str:
    lines = [
        "# Reference",
        "",
        "Every public name, its signature and what its docstring says.",
        "`python docs/reference.py` writes these pages.",
        "",
    ]
    for page, modules in PAGES.items():
        names = [
            f"[{_shown(page, module, name)}]({page}.md#{_anchor(module, name)})"
            for module, listed in modules.items()
            for name in listed or _exported(root, module)
        ]
        lines.append(f"- [**{page}**]({page}.md): {', '.join(names)}")
    return "\n".join([*lines, ""])


def _exported(root: griffe.Module, module: str) -> list[str]:
    """Return what the package's root exports: the errors, or all but the errors."""
    names = sorted(map(str, root.exports or []), key=str.lower)
    return [name for name in names if (name in root["errors"].members) == (module == "errors")]


def _shown(page: str, module: str, name: str) -> str:
    """Return a name with as much of its module before it as the page does not say."""
    rest = f"{module}.".removeprefix(f"{page}.").lstrip(".")
    return f"{rest}{name}"


def _anchor(module: str, name: str) -> str:
    """Return what a heading is linked by: its words in small letters, without dots and ticks."""
    return f"{module}.{name}".lower().replace(".", "").strip()


def _page(root: griffe.Module, page: str, modules: dict[str, list[str]]) -> str:
    parts = [f"# {page}", "[All pages](README.md)"]
    for module, listed in modules.items():
        found = root[module] if module else root
        if module:
            parts.append(f"## tokensession.{module}")
        parts += _docstring(found)
        for name in listed or _exported(root, module):
            heading = f"{module}.{name}" if module else name
            parts += _object(heading, found[name], 3 if module else 2)
    return "\n\n".join(parts) + "\n"


def _object(heading: str, found: griffe.Object | griffe.Alias, level: int) -> Iterator[str]:
    """Give the parts of a class or a function: its heading, its signature, what it says."""
    yield f"{'#' * level} `{heading}`"
    if isinstance(found, griffe.Alias):
        found = found.final_target
    if isinstance(found, griffe.Function):
        yield _code(_signature(found, found.name))
        yield from _docstring(found)
        return
    assert isinstance(found, griffe.Class), heading
    yield _code(_class_line(found))
    yield from _docstring(found)
    for name, member in _members(found).items():
        # A member without a docstring is described by the base or protocol that it is of.
        shown = name in ONLY.get(found.name, [name]) and not name.startswith("_")
        shown = shown and member.docstring is not None
        if shown and isinstance(member, griffe.Function):
            yield f"{'#' * (level + 1)} `{found.name}.{name}`"
            yield _code(_signature(member, name))
            yield from _docstring(member)
        elif shown and isinstance(member, griffe.Attribute) and "property" in member.labels:
            yield f"{'#' * (level + 1)} `{found.name}.{name}`"
            yield _code(f"{name}: {member.annotation}")
            yield from _docstring(member)


def _members(found: griffe.Class) -> dict[str, griffe.Object]:
    """Return the members that are described with a class."""
    inherited = found.inherited_members if found.name in INHERITS else {}
    members = {**found.members, **{name: inherited[name] for name in inherited}}
    return {
        name: member.final_target if isinstance(member, griffe.Alias) else member
        for name, member in members.items()
        if not name.startswith("_") or name == "__init__"
    }


def _class_line(found: griffe.Class) -> str:
    """Return how an instance is made, or, where the class adds nothing to that, its bases."""
    shown = [] if found.name in INHERITS else map(str, found.bases)
    bases = [base for base in shown if base.split("[")[0] not in UNSAID]
    derived = f"class {found.name}({', '.join(bases)})" if bases else f"class {found.name}"
    made = _members(found).get("__init__")
    if not isinstance(made, griffe.Function) or found.name in MADE_ELSEWHERE:
        return derived
    line = _signature(made, f"class {found.name}").removesuffix(" -> None")
    return f"{line}  # a {', '.join(bases)}" if bases and "\n" not in line else line


def _signature(function: griffe.Function, name: str) -> str:
    """Return the signature as the code has it, one parameter on a line where it is long."""
    shown = [p for p in function.parameters if p.name not in {"self", "cls"}]
    parameters: list[str] = []
    stars = False
    for parameter in shown:
        if parameter.kind is griffe.ParameterKind.keyword_only and not stars:
            parameters.append("*")
        stars = stars or parameter.kind in {
            griffe.ParameterKind.keyword_only,
            griffe.ParameterKind.var_positional,
        }
        parameters.append(_parameter(parameter))
        if parameter.kind is griffe.ParameterKind.positional_only and (
            parameter is shown[-1]
            or shown[shown.index(parameter) + 1].kind is not griffe.ParameterKind.positional_only
        ):
            parameters.append("/")
    returns = f" -> {function.returns}" if function.returns else ""
    prefix = "@classmethod\n" if "classmethod" in function.labels else ""
    prefix += "async " if "async" in function.labels else ""
    line = f"{name}({', '.join(parameters)}){returns}"
    if len(line) <= WIDTH:
        return prefix + line
    inner = "".join(f"    {parameter},\n" for parameter in parameters)
    return f"{prefix}{name}(\n{inner}){returns}"


def _parameter(parameter: griffe.Parameter) -> str:
    stars = {
        griffe.ParameterKind.var_positional: "*",
        griffe.ParameterKind.var_keyword: "**",
    }.get(parameter.kind or griffe.ParameterKind.positional_or_keyword, "")
    text = f"{stars}{parameter.name}"
    if parameter.annotation is not None:
        text += f": {parameter.annotation}"
    if parameter.default is not None and not stars:
        text += f" = {parameter.default}" if parameter.annotation else f"={parameter.default}"
    return text


def _docstring(found: griffe.Object | griffe.Alias) -> Iterator[str]:
    """Give the parts of a docstring."""
    if found.docstring is None:
        return
    for section in found.docstring.parsed:
        value: Any = section.value
        match section.kind.value:
            case "text":
                yield _text(value)
            case "parameters":
                yield _list("Args", [(f"`{item.name}`", item.description) for item in value])
            case "attributes":
                yield _list("Attributes", [(f"`{item.name}`", item.description) for item in value])
            case "raises":
                yield _list("Raises", [(f"`{i.annotation}`", i.description) for i in value])
            case "returns" | "yields":
                words = " ".join(_prose(item.description) for item in value)
                yield f"**{section.kind.value.capitalize()}** {words}"
            case other:
                raise ValueError(
                    f"{found.path}: a section of a docstring that is not known: {other}"
                )


def _list(title: str, items: list[tuple[str, str]]) -> str:
    lines = [f"- {name}: {_prose(description)}" for name, description in items]
    return "\n".join([f"**{title}**", "", *lines])


def _text(text: str) -> str:
    """Return paragraphs as they are, and examples as code."""
    blocks = []
    for block in re.split(r"\n{2,}", text.strip("\n")):
        dedented = re.sub(r"^ {4}", "", block, flags=re.MULTILINE)
        if dedented.startswith(">>>"):
            blocks.append(_code(dedented))
        elif block.startswith("    "):
            blocks.append(_code(dedented, "text"))
        elif block != "::":  # a mark of its own that what follows is taken as it stands
            lines = re.sub(r"::$", ":", block).splitlines()
            blocks.append("\n".join(map(_escaped, lines)))
    return "\n\n".join(blocks)


def _prose(text: str) -> str:
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    """Return text in which only what stands in ticks can look like markup."""
    parts = text.replace("``", "`").split("`")
    for at in range(0, len(parts), 2):
        parts[at] = re.sub(r"([*<]|\b__|__\b)", r"\\\1", parts[at])
    return "`".join(parts)


def _code(text: str, language: str = "python") -> str:
    return f"```{language}\n{text}\n```"


if __name__ == "__main__":
    main()
