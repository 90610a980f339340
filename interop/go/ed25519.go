package tokensession

import "math/big"

func number(text string) *big.Int {
	value, _ := new(big.Int).SetString(text, 10)
	return value
}

var (
	one   = big.NewInt(1)
	prime = new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	curve = new(big.Int).Mod(new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), prime)), prime)
	// The y of the points of small order: with such a key, signatures can be made that fit any text.
	smallOrder = []*big.Int{
		big.NewInt(0),
		one,
		new(big.Int).Sub(prime, one),
		number("2707385501144840649318225287225658788936804267575313519463743609750303402022"),
		number("55188659117513257062467267217118295137698188065244968500265048394206261417927"),
	}
)

// isSafePoint tells whether x is the canonical encoding of a point whose order is not small (RFC 8032, 5.1.3).
func isSafePoint(x []byte) bool {
	bigEndian := make([]byte, len(x))
	for index, value := range x {
		bigEndian[len(x)-1-index] = value
	}
	bigEndian[0] &= 0x7f
	y := new(big.Int).SetBytes(bigEndian)
	if y.Cmp(prime) >= 0 {
		return false
	}
	for _, small := range smallOrder {
		if y.Cmp(small) == 0 {
			return false
		}
	}
	square := new(big.Int).Mul(y, y)
	below := new(big.Int).Mul(square, curve)
	below.Mod(below.Add(below, one), prime)
	square.Mul(square.Sub(square, one), below.ModInverse(below, prime))
	return big.Jacobi(square.Mod(square, prime), prime) == 1
}
