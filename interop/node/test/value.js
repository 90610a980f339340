// Tagged JSON, as vectors/README.md has it, to values and back to what can be compared.

/** Gives the value that tagged JSON stands for. */
export function value(tagged) {
  if (Array.isArray(tagged)) return tagged.map(value);
  if (typeof tagged !== "object" || tagged === null) return tagged;
  const entries = Object.entries(tagged);
  const [tag, content] = entries[0] ?? [];
  if (entries.length === 1 && tag.startsWith("$")) return TAGS[tag](content);
  return new Map(entries.map(([key, item]) => [key, value(item)]));
}

const TAGS = {
  $float: (text) => Number(text.replace("inf", "Infinity").replace("nan", "NaN")),
  $bin: (hex) => new Uint8Array(Buffer.from(hex, "hex")),
  $int: (digits) => BigInt(digits),
  $timestamp: ([seconds, nanoseconds]) => new Date(seconds * 1000 + nanoseconds / 1e6),
  $utf16: (units) => String.fromCharCode(...units.match(/.{4}/g).map((unit) => parseInt(unit, 16))),
  $repeat: ([item, count]) => repeat(value(item), count),
  $numbered: (count) => new Map(Array.from({ length: count }, (_, number) => [`k${String(number).padStart(5, "0")}`, null])),
  $map: (pairs) => new Map(pairs.map(([key, item]) => [value(key), value(item)])),
};

function repeat(item, count) {
  if (item instanceof Uint8Array) return Buffer.alloc(item.length * count, item);
  return typeof item === "string" ? item.repeat(count) : Array(count).fill(item).flat();
}

/** Gives a state in which maps, bytes and the sign of zero can be compared, as one text. */
export function canonical(state) {
  if (Array.isArray(state)) return `[${state.map(canonical).join()}]`;
  if (state instanceof Uint8Array) return `bin(${Buffer.from(state).toString("hex")})`;
  if (state instanceof Date) return `date(${state.getTime()})`;
  if (typeof state === "number") return Object.is(state, -0) ? "-0" : String(state);
  if (typeof state !== "object" || state === null) return JSON.stringify(state);
  const entries = state instanceof Map ? [...state] : Object.entries(state);
  const texts = entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`);
  return `{${texts.sort().join()}}`;
}
