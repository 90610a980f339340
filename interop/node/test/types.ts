// Compiled, never run: what the declarations must accept and refuse.
import { KeyRing, TokenError, decode, encode, renew, type Code, type Core, type Session } from "tokensession";

type Visit = { pages: number };

function isVisit(state: Core): state is Visit {
  return typeof state === "object" && state !== null && "pages" in state;
}

const ring: KeyRing = KeyRing.fromJwks("{}", { fromStore: true });
const token: string = encode({ pages: 1, seen: [new Date(), new Uint8Array(1), null] }, ring, { subject: 42n });
const visit: Session<Visit> = decode(token, ring, { fits: isVisit });
const pages: number = visit.state.pages;
const untyped: Core = decode(token, ring).state;
const renewed: string = renew(visit, ring, { absoluteTimeout: 3600 });
try {
  decode(renewed, ring, { now: pages });
} catch (error) {
  if (error instanceof TokenError) {
    const code: Code = error.code;
    // @ts-expect-error the list is closed
    const other: "signature_failed" = code;
    void other;
  }
}
// @ts-expect-error a function is no state
encode({ pages: () => 1 }, ring);
// @ts-expect-error rings are made from documents
new KeyRing();
// @ts-expect-error sid never changes
visit.sid = "00";
void untyped;
