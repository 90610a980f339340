// Package tokensession reads the session tokens that SPEC.md describes. It needs the standard library alone.
package tokensession

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"math/big"
	"strings"
	"unicode/utf8"
)

const (
	maxToken   = 8192
	minPayload = 38
)

// TokenError says why there is no session. Its Code is one of SPEC section 5; clients must not tell them apart.
type TokenError struct {
	Code     string
	KeyState string // with unknown_key: "expired" or "revoked", where the ring lists the key
}

func (e *TokenError) Error() string { return e.Code }

// Session is what an authentic, valid token carries. Dates are Unix seconds.
type Session struct {
	Claims
	KID       string
	StartedAt int64
	ExpiresAt int64
}

// AuthenticatedAt tells when the session's subject last authenticated, where it has one and that is known.
func (s *Session) AuthenticatedAt() (at int64, known bool) {
	if s.Subject == nil || s.Auth == nil {
		return 0, false
	}
	return s.StartedAt + *s.Auth, true
}

// Reader reads the tokens of one purpose.
type Reader struct {
	Ring    *Ring
	Context string // the purpose; over HTTP the cookie's name without its __Host- or __Secure-
	Leeway  int64  // seconds by which another clock may be ahead
	// AbsoluteTimeout and Longest bound sessions (SPEC section 6); 0 is "not set".
	AbsoluteTimeout int64
	Longest         int64
	// Fits tells whether a state is of the application's type; nil takes any.
	Fits func(state any) bool
}

func checkContext(context string) error {
	if len(context) < 1 || len(context) > 255 || strings.Contains(context, "\x00") || !utf8.ValidString(context) {
		return refuse("context must be 1 to 255 bytes of UTF-8 without a zero byte")
	}
	return nil
}

// derive gives the key for one purpose: "sig", or "enc" with a salt (HKDF-SHA256, RFC 5869, one block).
func derive(secret []byte, purpose, context string, salt []byte) []byte {
	extract := hmac.New(sha256.New, make([]byte, sha256.Size))
	extract.Write(secret)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte("tokensession/v1/" + purpose + "\x00" + context))
	if salt != nil {
		expand.Write(append([]byte{0}, salt...))
	}
	expand.Write([]byte{1})
	return expand.Sum(nil)
}

// Decode gives the session that a token carries at the Unix second now. The error is a *TokenError, or a ConfigError for a bad context.
func (r *Reader) Decode(token string, now int64) (*Session, error) {
	if err := checkContext(r.Context); err != nil {
		return nil, err
	}
	if r.Leeway < 0 || r.AbsoluteTimeout < 0 || r.Longest < 0 {
		return nil, refuse("Leeway, AbsoluteTimeout and Longest are seconds, at least 0")
	}
	if r.Longest != 0 && r.Longest < r.AbsoluteTimeout || r.Longest != 0 && r.AbsoluteTimeout == 0 {
		return nil, refuse("Longest needs an AbsoluteTimeout, and must not be below it")
	}
	refused := func(code string) (*Session, error) { return nil, &TokenError{Code: code} }
	// Step 1: framing.
	segments := strings.Split(token, ".")
	if len(token) > maxToken || len(segments) != 3 || !isASCII(token) {
		return refused("malformed")
	}
	// Step 2: the exact header of a key that may still verify; no JSON is parsed.
	key := r.Ring.byHeader[segments[0]]
	if key == nil {
		return refused("unknown_key")
	}
	if !key.verifies(now) {
		return nil, &TokenError{Code: "unknown_key", KeyState: r.Ring.States(now)[key.KID]}
	}
	// Step 3: one spelling, and the algorithm's length.
	payload, spelt := decodeBase64url(segments[1])
	signature, signatureSpelt := decodeBase64url(segments[2])
	if !spelt || !signatureSpelt || len(signature) != key.signatureBytes() {
		return refused("malformed")
	}
	// Step 4: the signature.
	signed := token[:len(segments[0])+1+len(segments[1])]
	if !key.signatureFits(r.Context, []byte(signed), signature) {
		return refused("bad_signature")
	}
	// Step 5: version and length.
	if payload[0] != 1 {
		return refused("unsupported_version")
	}
	if len(payload) < minPayload {
		return refused("malformed")
	}
	// Step 6: open.
	plaintext, err := open(derive(key.secret, "enc", r.Context, payload[1:9]), payload, segments[0])
	if err != nil {
		return refused("decrypt_failed")
	}
	// Step 7: claims.
	claims, err := ReadClaims(plaintext)
	if err != nil {
		return nil, err
	}
	// Step 8: times.
	if claims.IAT > now+r.Leeway {
		return refused("not_yet_valid")
	}
	session := &Session{Claims: *claims, KID: key.KID, StartedAt: claims.IAT - claims.Age, ExpiresAt: claims.IAT + claims.TTL}
	if limit := r.limit(claims.Cap); limit > 0 && session.StartedAt+limit < session.ExpiresAt {
		session.ExpiresAt = session.StartedAt + limit
	}
	if now >= session.ExpiresAt {
		return refused("expired")
	}
	// Step 9: the keys that have signed for the session. (A list of revocations needs a store.)
	for _, kid := range claims.Signers {
		if signer := r.Ring.keys[kid]; signer != nil && signer.Revoked {
			return refused("revoked")
		}
	}
	// Step 10: a state that is here, and of the application's type.
	members, _ := claims.State.(map[string]any)
	if _, elsewhere := members["tokensession/overflow"]; elsewhere || r.Fits != nil && !r.Fits(claims.State) {
		return refused("bad_state")
	}
	return session, nil
}

// limit gives how many seconds after its start a session ends, or 0 for no limit.
func (r *Reader) limit(cap *int64) int64 {
	longest := r.Longest
	if longest == 0 {
		longest = r.AbsoluteTimeout
	}
	switch {
	case cap == nil:
		return r.AbsoluteTimeout
	case longest == 0 || *cap < longest:
		return *cap
	}
	return longest
}

func isASCII(text string) bool {
	for index := 0; index < len(text); index++ {
		if text[index] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (k *Key) signatureBytes() int {
	if k.Algorithm == "HS256" {
		return sha256.Size
	}
	return 64
}

func (k *Key) signatureFits(context string, signed, signature []byte) bool {
	switch k.Algorithm {
	case "HS256":
		return sameMAC(derive(k.secret, "sig", context, nil), signed, signature)
	case "Ed25519":
		return ed25519.Verify(k.x, signed, signature)
	}
	hash := sha256.Sum256(signed)
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(k.p256(), hash[:], r, s)
}

func sameMAC(key, signed, signature []byte) bool {
	mac := hmac.New(sha256.New, key)
	mac.Write(signed)
	return hmac.Equal(mac.Sum(nil), signature)
}

func open(key, payload []byte, header string) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, payload[9:21], payload[21:], []byte(header))
}
