// Which 32 bytes are a public key that verifies no forgeries (SPEC section 7; RFC 8032, 5.1.3).

const P = 2n ** 255n - 19n;
const D = mod(-121665n * power(121666n, P - 2n));
// The y of the points of small order: with such a key, signatures can be made that fit any text.
const SMALL_ORDER = new Set([
  0n,
  1n,
  P - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
]);

/** Tells whether `x` is the canonical encoding of a point of the curve whose order is not small. */
export function isSafePoint(x) {
  const y = BigInt(`0x${Buffer.from(x).reverse().toString("hex")}`) & (2n ** 255n - 1n);
  if (y >= P || SMALL_ORDER.has(y)) return false;
  const square = mod((y * y - 1n) * power(mod(D * y * y + 1n), P - 2n));
  return power(square, (P - 1n) / 2n) === 1n;
}

function mod(number) {
  return ((number % P) + P) % P;
}

function power(base, exponent) {
  let result = 1n;
  for (let square = base % P, left = exponent; left > 0n; left >>= 1n, square = (square * square) % P) {
    if (left & 1n) result = (result * square) % P;
  }
  return result;
}
