// The errors, by who must act (SPEC section 5 has the closed list of codes).

/** No session for this request; `code` says which check failed. */
export class TokenError extends Error {
  constructor(code) {
    super(code);
    this.name = "TokenError";
    this.code = code;
  }
}

/** The developer acts: keys, context, arguments. Never holds material. */
export class ConfigError extends Error {
  constructor(message) {
    super(message);
    this.name = "ConfigError";
  }
}

/** A state that cannot be written; `path` names the value at fault. */
export class StateError extends Error {
  constructor(path, reason) {
    super(`${path}: ${reason}`);
    this.name = "StateError";
    this.path = path;
  }
}
