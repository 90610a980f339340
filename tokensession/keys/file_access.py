"""File access: owner, mode and access control lists, and how a new file gets the same."""

from __future__ import annotations

import errno
import os
import stat
import struct
from shlex import quote
from typing import TYPE_CHECKING, Final, NamedTuple

from tokensession.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

_POSIX: Final = "system.posix_acl_access"
_NO_LIST: Final = (errno.ENODATA, errno.ENOTSUP, errno.ENOSYS)
_HEAD: Final = 4  # bytes of a POSIX list before its entries: its version
_ENTRY: Final = struct.Struct("<HHI")  # a tag, permissions, and the id of a user or a group
_USER, _GROUP_OF_FILE, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_SHARED: Final = "pass shared_file=True (--shared-file) if they must read it"


class Access(NamedTuple):
    """The access rights of a file.

    Attributes:
        owner: The user's id.
        group: The group's id.
        mode: The permission bits. If the file has a POSIX list, the group bits are its mask.
        lists: Access control lists, by the name of their extended attribute.
    """

    owner: int
    group: int
    mode: int
    lists: dict[str, bytes]


def access_of(file: int | str) -> Access:
    """Return the access rights of a file, given its descriptor or path."""
    status = os.stat(file)  # noqa: PTH116  # accepts a descriptor too
    mode = stat.S_IMODE(status.st_mode)
    return Access(status.st_uid, status.st_gid, mode, _lists_of(file))


def check_private(file: int | str, path: str, *, name: str) -> Access:
    """Return the access rights of a private file; refuse a file that others can use.

    The error tells what this process's user can do.

    Args:
        file: The descriptor or path.
        path: The path to show in commands.
        name: The name to show in messages.

    Raises:
        ConfigError: The mode or the access control list lets others use the file.
    """
    access = access_of(file)
    readers = _readers_of(access) if os.name == "posix" else []
    if not readers:
        return access
    if os.statvfs(file).f_flag & os.ST_RDONLY:
        remedy = f"its mount is read-only, so have the platform use mode 0400, or {_SHARED}"
    elif os.geteuid() not in (0, access.owner):
        remedy = f"user {access.owner} owns it, so let user {os.geteuid()} own it, or {_SHARED}"
    else:
        remove_list = f"setfacl -b {quote(path)} && " if access.lists else ""
        remedy = f"run `{remove_list}chmod 600 {quote(path)}`, or {_SHARED}"
    with_list = " with an access control list" if access.lists else ""
    raise ConfigError(
        f"{name}: mode {access.mode:04o}{with_list} lets {', '.join(readers)} read it; {remedy}"
    )


def give_access(descriptor: int, access: Access | None) -> None:
    """Give a new, empty file of mode 0600 the access rights of another file.

    None gives access to its owner alone. At no time can a user open the new file who could not open
    the other one.

    Raises:
        ConfigError: The system or the file system does not allow it.
    """
    try:
        if access is not None:
            os.fchown(descriptor, access.owner, access.group)
        for name in _lists_of(descriptor):  # inherited from the folder
            os.removexattr(descriptor, name)
        if access is None:
            return
        if not access.lists:
            os.fchmod(descriptor, access.mode)
        for name, entries in access.lists.items():  # this also sets the mode
            os.setxattr(descriptor, name, entries)
    except OSError as error:
        raise ConfigError(_not_kept(access, error.strerror or str(error))) from error
    if access_of(descriptor) != access:
        raise ConfigError(_not_kept(access, "the file system changes them"))


def _readers_of(access: Access) -> list[str]:
    """Return the other users and groups that can use a file, in words for messages."""
    if _POSIX not in access.lists:
        named = [f"group {access.group}"] if access.mode & 0o070 else []
    else:
        named = list(_named(access))
    return [*named, "everybody"] if access.mode & 0o007 else named


def _named(access: Access) -> Iterator[str]:
    """Yield the users and groups that a POSIX list gives any permission."""
    entries = list(_ENTRY.iter_unpack(access.lists[_POSIX][_HEAD:]))
    mask = next((allowed for tag, allowed, _ in entries if tag == _MASK), 0o7)
    for tag, allowed, name in entries:
        if not allowed & mask or (tag == _USER and name == access.owner):
            continue
        if tag == _USER:
            yield f"user {name}"
        elif tag in (_GROUP, _GROUP_OF_FILE):
            yield f"group {access.group if tag == _GROUP_OF_FILE else name}"


def _lists_of(file: int | str) -> dict[str, bytes]:
    """Return a file's access control lists. Ask for POSIX's, which not every system lists."""
    if not hasattr(os, "getxattr"):  # only Linux has it
        return {}
    lists = {}
    for name in {_POSIX, *_attributes_of(file)}:
        try:
            if name.startswith("system.") and "acl" in name:
                lists[name] = os.getxattr(file, name)
        except OSError as error:
            if error.errno not in _NO_LIST:
                raise
    return lists


def _attributes_of(file: int | str) -> list[str]:
    try:
        return os.listxattr(file)
    except OSError as error:
        if error.errno not in _NO_LIST:
            raise
    return []


def _not_kept(access: Access | None, reason: str) -> str:
    if access is None:
        return f"the folder's access list cannot be removed from the new file ({reason})"
    lists = " and its access control list" if access.lists else ""
    return (
        f"owner {access.owner}:{access.group}, mode {access.mode:04o}{lists} cannot be kept "
        f"({reason}): run this as user {access.owner} or as root"
    )
