// JSON as key documents need it: no member twice, and integers told from 1.0 and 1e3 (SPEC 7).
import { ConfigError } from "./errors.js";

const TOKEN = /[ \t\n\r]*(?:([{}[\]:,])|("(?:[^"\\\u0000-\u001f]|\\.)*")|(-?(?:0|[1-9]\d*))(\.\d+)?([eE][+-]?\d+)?|(true|false|null)|$)/suy;
const MAX_LEVELS = 64;

/** What a number with a fraction or an exponent reads as: no member of a ring may be one. */
export const NO_INTEGER = Symbol("a number with a fraction or exponent");

/** Gives the value of a JSON text; objects have no prototype. */
export function parseJson(text) {
  TOKEN.lastIndex = 0;
  const next = () => {
    const found = TOKEN.exec(text);
    if (found === null) throw new ConfigError("the key document is not JSON");
    return found;
  };
  const value = readValue(next, next(), 1);
  if (next()[0].trim() !== "" || TOKEN.lastIndex < text.length) throw new ConfigError("the key document is not JSON");
  return value;
}

function readValue(next, [, mark, text, number, fraction, exponent, word], level) {
  if (text !== undefined) return readText(text);
  if (number !== undefined) {
    const value = Number(number + (fraction ?? "") + (exponent ?? ""));
    if (!Number.isFinite(value)) throw new ConfigError("the key document has a number that JSON readers do not keep");
    return fraction === undefined && exponent === undefined ? value + 0 : NO_INTEGER; // -0 is 0
  }
  if (word !== undefined) return { true: true, false: false, null: null }[word];
  if (level > MAX_LEVELS) throw new ConfigError(`the key document nests deeper than ${MAX_LEVELS} levels`);
  if (mark === "[") return readItems(next, "]", [], (items, token) => items.push(readValue(next, token, level + 1)));
  if (mark === "{") {
    return readItems(next, "}", Object.create(null), (members, token) => {
      if (token[2] === undefined || next()[1] !== ":") throw new ConfigError("the key document is not JSON");
      const name = readText(token[2]);
      if (name in members) throw new ConfigError("the key document names a member twice in one object");
      members[name] = readValue(next, next(), level + 1);
    });
  }
  throw new ConfigError("the key document is not JSON");
}

function readItems(next, end, container, read) {
  let token = next();
  if (token[1] === end) return container;
  for (;;) {
    read(container, token);
    const mark = next()[1];
    if (mark === end) return container;
    if (mark !== ",") throw new ConfigError("the key document is not JSON");
    token = next();
  }
}

function readText(literal) {
  try {
    return JSON.parse(literal);
  } catch {
    throw new ConfigError("the key document is not JSON");
  }
}
