package tokensession

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unicode/utf8"
)

const (
	maxInt     = 1<<53 - 1
	maxSeconds = 1<<32 - 1
	maxSigners = 15
	maxDepth   = 512 // levels that are followed; a writer makes at most 32 in a state
)

// Claims are what a token says (SPEC section 3).
type Claims struct {
	SID     []byte
	IAT     int64
	TTL     int64
	Age     int64
	Subject any // nil, string or int64
	State   any // nil, bool, int64, float64, string, []byte, []any, map[string]any or time.Time
	Cap     *int64
	Signers []string // the other keys that have signed tokens of the session, oldest first
	Auth    *int64   // seconds from the start until the subject last authenticated again; nil is "not known"
}

var errClaims = errors.New("claims are not those of a session")

// reader takes msgpack apart. Its methods panic with errClaims, which ReadClaims recovers.
type reader struct {
	data []byte
	at   int
}

func (r *reader) take(count uint64) []byte {
	if count > uint64(len(r.data)-r.at) {
		panic(errClaims)
	}
	taken := r.data[r.at : r.at+int(count)]
	r.at += int(count)
	return taken
}

func (r *reader) uint(width uint64) uint64 {
	var wide [8]byte
	copy(wide[8-width:], r.take(width))
	return binary.BigEndian.Uint64(wide[:])
}

func (r *reader) text(size uint64) string {
	text := r.take(size)
	if !utf8.Valid(text) {
		panic(errClaims)
	}
	return string(text)
}

// ReadClaims gives the claims in a plaintext, or a *TokenError with the code bad_claims.
func ReadClaims(plaintext []byte) (claims *Claims, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			if problem != errClaims {
				panic(problem)
			}
			claims, err = nil, &TokenError{Code: "bad_claims"}
		}
	}()
	r := &reader{data: plaintext}
	count := r.arrayHead()
	if count < 6 {
		panic(errClaims)
	}
	claims = &Claims{SID: r.sid(), IAT: r.integer(0, maxInt), TTL: r.integer(1, maxSeconds), Age: r.integer(0, maxInt)}
	claims.Subject = r.subject()
	claims.State = r.value(1, true)
	if count > 6 {
		claims.Cap = r.cap()
	}
	claims.Auth = new(int64)
	for index := uint64(7); index < count; index++ {
		switch {
		case index == 8 && !r.isNil():
			claims.Signers = r.signers()
		case index == 9 && r.isNil():
			claims.Auth = nil
			r.at++
		case index == 9:
			*claims.Auth = r.integer(0, maxInt)
		default:
			r.value(1, false) // ignored, but it must be well-formed
		}
	}
	if r.at != len(r.data) || claims.Age > claims.IAT || claims.Auth != nil && *claims.Auth > claims.Age {
		panic(errClaims)
	}
	return claims, nil
}

func (r *reader) arrayHead() uint64 {
	switch first := r.take(1)[0]; {
	case first>>4 == 0x9:
		return uint64(first & 0x0f)
	case first == 0xdc:
		return r.uint(2)
	case first == 0xdd:
		return r.uint(4)
	}
	panic(errClaims)
}

func (r *reader) sid() []byte {
	if sid, ok := r.value(1, true).([]byte); ok && len(sid) == 16 {
		return sid
	}
	panic(errClaims)
}

func (r *reader) integer(least, most int64) int64 {
	if number, ok := r.value(1, true).(int64); ok && least <= number && number <= most {
		return number
	}
	panic(errClaims)
}

func (r *reader) isNil() bool { return r.at < len(r.data) && r.data[r.at] == 0xc0 }

func (r *reader) signers() []string {
	items, isArray := r.value(1, true).([]any)
	if !isArray || len(items) < 1 || len(items) > maxSigners {
		panic(errClaims)
	}
	kids := []string{}
	for _, item := range items {
		kid, isText := item.(string)
		if !isText || !kidForm.MatchString(kid) {
			panic(errClaims)
		}
		kids = append(kids, kid)
	}
	return kids
}

func (r *reader) cap() *int64 {
	if r.isNil() {
		r.at++
		return nil
	}
	seconds := r.integer(1, maxSeconds)
	return &seconds
}

func (r *reader) subject() any {
	switch subject := r.value(1, true).(type) {
	case nil, string, int64:
		return subject
	}
	panic(errClaims)
}

// value reads one value. Where core is false it may be anything well-formed.
func (r *reader) value(depth int, core bool) any {
	first := r.take(1)[0]
	switch {
	case first < 0x80:
		return int64(first)
	case first>>4 == 0x8:
		return r.mapping(uint64(first&0x0f), depth, core)
	case first>>4 == 0x9:
		return r.array(uint64(first&0x0f), depth, core)
	case first>>5 == 0b101:
		return r.text(uint64(first & 0x1f))
	case first >= 0xe0:
		return int64(int8(first))
	}
	switch first {
	case 0xc0:
		return nil
	case 0xc2, 0xc3:
		return first == 0xc3
	case 0xc4, 0xc5, 0xc6:
		return r.take(r.uint(1 << (first - 0xc4)))
	case 0xc7, 0xc8, 0xc9:
		return r.extension(r.uint(1<<(first-0xc7)), core)
	case 0xca:
		return float64(math.Float32frombits(uint32(r.uint(4))))
	case 0xcb:
		return math.Float64frombits(r.uint(8))
	case 0xcc, 0xcd, 0xce, 0xcf:
		return safe(int64(r.uint(1<<(first-0xcc))), first == 0xcf, core)
	case 0xd0, 0xd1, 0xd2, 0xd3:
		width := uint64(1) << (first - 0xd0)
		unused := 64 - 8*width
		return safe(int64(r.uint(width)<<unused)>>unused, false, core)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return r.extension(1<<(first-0xd4), core)
	case 0xd9, 0xda, 0xdb:
		return r.text(r.uint(1 << (first - 0xd9)))
	case 0xdc, 0xdd:
		return r.array(r.uint(2<<(first-0xdc)), depth, core)
	case 0xde, 0xdf:
		return r.mapping(r.uint(2<<(first-0xde)), depth, core)
	}
	panic(errClaims) // 0xc1
}

// safe refuses a core integer beyond 2^53 - 1; a uint64 beyond int64 shows as negative.
func safe(number int64, unsigned, core bool) int64 {
	if core && (number > maxInt || number < -maxInt || unsigned && number < 0) {
		panic(errClaims)
	}
	return number
}

func (r *reader) enter(depth int) {
	if depth > maxDepth {
		panic(errClaims)
	}
}

func (r *reader) array(count uint64, depth int, core bool) any {
	r.enter(depth)
	items := []any{} // grows with what is there, not with what a header claims
	for ; count > 0; count-- {
		items = append(items, r.value(depth+1, core))
	}
	return items
}

func (r *reader) mapping(count uint64, depth int, core bool) any {
	r.enter(depth)
	pairs := map[string]any{}
	for ; count > 0; count-- {
		key, isText := r.value(depth+1, core).(string)
		if core && !isText {
			panic(errClaims)
		}
		pairs[key] = r.value(depth+1, core)
	}
	return pairs
}

// The years 1 to 9999, in Unix seconds.
const firstSecond, lastSecond = -62135596800, 253402300799

// extension reads a type and its content; of the types only the timestamp is core.
func (r *reader) extension(size uint64, core bool) any {
	kind := int8(r.take(1)[0])
	content := &reader{data: r.take(size)}
	if !core {
		return nil
	}
	if kind != -1 {
		panic(errClaims)
	}
	var seconds int64
	var nanoseconds uint64
	switch size {
	case 4:
		seconds = int64(content.uint(4))
	case 8:
		both := content.uint(8)
		seconds, nanoseconds = int64(both&(1<<34-1)), both>>34
	case 12:
		nanoseconds = content.uint(4)
		seconds = int64(content.uint(8))
	default:
		panic(errClaims)
	}
	if nanoseconds > 999_999_999 || seconds < firstSecond || seconds > lastSecond {
		panic(errClaims)
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}
