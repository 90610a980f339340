"""``tokensession encode``, ``decode`` and ``inspect``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokensession.errors import TokenError
from tokensession.format.core_values import check_int
from tokensession.format.seconds import whole_seconds
from tokensession.sessions.policy import DEFAULT_IDLE, Policy
from tokensession.tokens.codec import DEFAULT_CONTEXT, SessionCodec
from tokensession.tools.cli.arguments import (
    Commands,
    add_command,
    add_duration,
    add_json,
    add_keys,
    add_now,
    open_keys,
)
from tokensession.tools.cli.pasted import unwrapped
from tokensession.tools.cli.states import parse_state, tagged
from tokensession.tools.cli.streams import (
    DONE,
    REFUSED,
    InputError,
    complain,
    read_input,
    read_token,
    say,
    say_json,
)
from tokensession.tools.cli.times import shown
from tokensession.tools.dissect import COOKIE_NAME, MAX_COOKIE, Anatomy, dissect
from tokensession.tools.explanation import EXPLANATIONS, describe, explain, lay_out, size_field
from tokensession.tools.wording import printable

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from tokensession.keys.ring import KeyRing
    from tokensession.sessions.session import Session


def add_commands(commands: Commands) -> None:
    """Add the three verbs."""
    _add_encode(commands)
    _add_decode(commands)
    _add_inspect(commands)


def _add_encode(commands: Commands) -> None:
    parser = add_command(commands, "encode", "make and print the token of a new session", encode)
    add_keys(parser)
    parser.add_argument(
        "state",
        nargs="?",
        default="-",
        metavar="STATE",
        help="the file with the state as JSON; - (the default) is standard input",
    )
    subject = parser.add_mutually_exclusive_group()
    subject.add_argument("--subject", metavar="S", help="whose session it is, as text")
    subject.add_argument("--subject-int", type=int, metavar="N", help="likewise, as an integer")
    _add_context(parser, DEFAULT_CONTEXT)
    ttl = f"how long it lives (default: {shown(DEFAULT_IDLE)}, or what the ring allows)"
    add_duration(parser, "--ttl", ttl)
    add_duration(parser, "--cap", "how long its session can last in spite of renewals")
    add_now(parser)


def _add_decode(commands: Commands) -> None:
    parser = add_command(
        commands,
        "decode",
        "read a token, or say why it is refused",
        decode,
        description="Read a token and explain each of its fields, or say why it is refused. The "
        "policy and the revocations of an application are not known here, and not applied. What "
        "JSON lacks is tagged in the state: "
        '{"$bin": hex}, {"$timestamp": [seconds, nanoseconds]}, {"$float": "inf"}, '
        '{"$map": [[key, value], ...]}.',
    )
    add_keys(parser)
    _add_token(parser)
    _add_context(parser, None)
    add_now(parser)


def _add_inspect(commands: Commands) -> None:
    summary = "show what anyone can see of a token, without keys; nothing of it is verified"
    parser = add_command(commands, "inspect", summary, inspect)
    _add_token(parser)


def _add_token(parser: ArgumentParser) -> None:
    parser.add_argument(
        "token",
        nargs="?",
        default="-",
        metavar="TOKEN",
        help="the file with the token, a cookie (NAME=TOKEN), or a whole Cookie, Set-Cookie or "
        "Authorization header; - (the default) is standard input. One newline at its end is "
        "dropped. Never the token itself: arguments show in process lists",
    )
    add_json(parser)


def _add_context(parser: ArgumentParser, default: str | None) -> None:
    or_name = "" if default else "that of a pasted cookie's name, else "
    parser.add_argument(
        "--context",
        default=default,
        metavar="C",
        help="the purpose: of a cookie's token its name without __Host- or __Secure- (default: "
        f"{or_name}{DEFAULT_CONTEXT})",
    )


def encode(args: Namespace) -> int:
    """Print the token of a new session."""
    ring = open_keys(args, "STATE", args.state)
    codec = SessionCodec(ring, context=args.context)
    state = parse_state(read_input(args.state, "state"))
    subject = args.subject
    if args.subject_int is not None:
        check_int(args.subject_int, "--subject-int")
        subject = args.subject_int
    say(codec.encode(state, subject=subject, ttl=args.ttl, cap=args.cap, now=args.now))
    return DONE


def decode(args: Namespace) -> int:
    """Explain the session in a token, or the refusal."""
    ring = open_keys(args, "TOKEN", args.token)
    # A reader applies no idle timeout; the least one asks the least of the ring's dates.
    policy = Policy(idle_timeout=1, absolute_timeout=None)
    now = whole_seconds(args.now)
    token, named = unwrapped(read_token(args.token), args.context)
    context = args.context if args.context is not None else named or DEFAULT_CONTEXT
    codec = SessionCodec(ring, context=context, policy=policy)
    try:
        session = codec.decode(token, now=now)
    except TokenError as error:
        return _refused(error.code, str(error), as_json=args.json)
    try:
        if args.json:
            text = json.dumps(_session_document(session, ring, now, len(token)), indent=1)
        else:
            text = json.dumps(tagged(session.state), indent=2, ensure_ascii=False)
    except RecursionError:
        raise InputError(
            "the token is good, but its state is nested too deep to be shown, deeper than any "
            "writer of this format makes one"
        ) from None
    if args.json:
        say(text)
        return DONE
    for line in lay_out([*explain(session, ring, now=now), size_field(len(token))]):
        say(line)
    say("\nstate")
    for line in text.split("\n"):
        say(printable(line))
    return DONE


def inspect(args: Namespace) -> int:
    """Show what a token shows without keys."""
    anatomy = dissect(unwrapped(read_token(args.token), None).token)
    if args.json:
        say_json(_anatomy_document(anatomy))
        return DONE if anatomy.problem is None else REFUSED
    for line in lay_out(describe(anatomy)):
        say(line)
    if anatomy.problem is None:
        return DONE
    return _refused(anatomy.problem.code, anatomy.problem.detail, as_json=False)


def _refused(code: str, detail: str, *, as_json: bool) -> int:
    if as_json:
        say_json({"refused": code, "explanation": EXPLANATIONS[code], "detail": detail})
    else:
        complain(f"{code}: {EXPLANATIONS[code]} ({detail})", kind="refused")
    return REFUSED


def _session_document(
    session: Session[Any], ring: KeyRing, now: int, characters: int
) -> dict[str, Any]:
    return {
        "sid": session.sid.hex(),
        "subject": session.subject,
        "context": session.context,
        "issued_at": session.issued_at,
        "started_at": session.started_at,
        "authenticated_at": session.authenticated_at,
        "expires_at": session.expires_at,
        "ttl": session.ttl,
        "cap": session.cap,
        "kid": session.kid,
        "signers": list(session.signers),
        "algorithm": ring[session.kid].algorithm,
        "key_state": ring.states(now)[session.kid],
        "now": now,
        "size": _size_document(characters),
        "state": tagged(session.state),
    }


def _anatomy_document(anatomy: Anatomy) -> dict[str, Any]:
    problem = anatomy.problem
    return {
        "unverified_header": anatomy.unverified_header,
        "unverified_alg": anatomy.unverified_algorithm,
        "unverified_kid": anatomy.unverified_kid,
        "parts": [
            {
                "name": part.name,
                "characters": [part.start, part.end],
                "bytes": None if part.content is None else [part.first_byte, part.end_byte],
                "hex": None if part.content is None else part.content.hex(),
            }
            for part in anatomy.parts
        ],
        "size": _size_document(anatomy.characters),
        "refused": None if problem is None else problem.code,
        "explanation": None if problem is None else EXPLANATIONS[problem.code],
        "detail": None if problem is None else problem.detail,
    }


def _size_document(characters: int) -> dict[str, Any]:
    return {
        "characters": characters,
        "cookie_name": COOKIE_NAME,
        "cookie_bytes": len(COOKIE_NAME) + characters,
        "cookie_limit": MAX_COOKIE,
    }
