"""What happens to sessions, for an observer and for an application's audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from tokensession.errors import ConfigError
from tokensession.observer import Observer, tell
from tokensession.sessions.listing import listed_id

if TYPE_CHECKING:
    from tokensession.format.claims import Subject

What = Literal["signed_in", "signed_out", "reauthenticated", "ended"]
By = Literal["user", "limit", "provider", "operator"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened to a session.

    Attributes:
        what: ``"signed_in"``, ``"signed_out"``, ``"reauthenticated"`` or ``"ended"``.
        subject: Whose session; None if only the session is known.
        id: The session's listed id (see `Session.listed_id`); None if it is all of the subject's
            sessions, or all of all subjects.
        at: Unix second.
        by: Who ended the session: the ``"user"`` from another session, the ``"limit"`` of the
            directory, the identity ``"provider"``, or an ``"operator"``, which is the code that
            calls `revoke` and its siblings. None for another event.
    """

    what: What
    subject: Subject
    id: str | None
    at: int
    by: By | None = None


@runtime_checkable
class Audit(Protocol):
    """An audit log of the application."""

    def record(self, event: Event) -> None:
        """Record an event, in the thread where it happened.

        The library has written what the event says, and holds no lock. It logs what this method
        raises, and continues. In asynchronous code put the event into a queue.
        """
        ...


class Events:
    """Passes events on.

    Args:
        observer: Hears what happened, without the user; or None.
        audit: Hears all, or None.

    Attributes:
        heard: Whether there is an observer or an audit log.

    Raises:
        ConfigError: An audit log without the method.
    """

    __slots__ = ("_audit", "_observer", "heard")

    def __init__(self, observer: Observer | None, audit: Audit | None) -> None:
        if audit is not None and (isinstance(audit, type) or not isinstance(audit, Audit)):
            raise ConfigError(
                f"audit must have a method record, and {type(audit).__name__} has not"
            )
        self._observer = observer
        self._audit = audit
        self.heard: bool = observer is not None or audit is not None

    def tell(
        self, what: What, subject: Subject, sid: bytes | None, at: int, by: By | None = None
    ) -> None:
        """Pass an event on.

        Args:
            what: What happened.
            subject: To whose session.
            sid: The session id, which goes no further; None for all sessions.
            at: Unix second.
            by: Who ended the session.
        """
        if self._observer is not None:
            tell(getattr(self._observer, what), *(() if by is None else (by,)))
        if self._audit is not None:
            name = None if sid is None else listed_id(sid).hex()
            tell(self._audit.record, Event(what, subject, name, at, by))
