// The session of a request's cookies (SPEC section 6).
import { TokenError } from "./errors.js";
import { decode } from "./token.js";

const MAX_CANDIDATES = 4;
const PREFIX = /^__(?:host-http|host|secure|http)-/i;

/**
 * Gives the session in the cookie `name`, or throws a TokenError; undefined without such a cookie.
 * `header` is the raw Cookie header, or a list of its lines; the context is the cookie's name without its prefix.
 */
export function decodeCookie(header, name, ring, options = {}) {
  const strip = (text) => text.replace(/^[ \t]+|[ \t]+$/g, "");
  const values = [header ?? ""].flat().join("; ").split(";").flatMap((part) => {
    const equals = part.indexOf("=");
    return equals >= 0 && strip(part.slice(0, equals)) === name ? [strip(part.slice(equals + 1))] : [];
  });
  if (values.length === 0) return undefined;
  const context = options.context ?? name.replace(PREFIX, "");
  if (values.length === 1) return decode(values[0], ring, { ...options, context });
  // Another cookie of this name was planted, or left on another path: take the only good one.
  // Refuse more than four, because an attacker who plants them could crowd out the true one.
  if (values.length > MAX_CANDIDATES) throw new TokenError("malformed");
  const sessions = values.flatMap((value) => {
    try {
      return [decode(value, ring, { ...options, context })];
    } catch (error) {
      if (error instanceof TokenError) return [];
      throw error;
    }
  });
  if (sessions.length !== 1) throw new TokenError("malformed");
  return sessions[0];
}
