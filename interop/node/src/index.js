export { ConfigError, StateError, TokenError } from "./errors.js";
export { decodeCookie } from "./http.js";
export { KeyRing } from "./keys.js";
export { decode, encode, renew } from "./token.js";
