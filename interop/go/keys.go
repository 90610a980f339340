package tokensession

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"sort"
	"unicode/utf8"
)

// ConfigError says what is wrong with keys or arguments, and never what a key holds.
type ConfigError string

func (e ConfigError) Error() string { return string(e) }

func refuse(format string, values ...any) error { return ConfigError(fmt.Sprintf(format, values...)) }

// Key is one kid of a ring. Its material is not exported.
type Key struct {
	KID       string
	Algorithm string
	NBF       int64
	Exp       int64 // math.MaxInt64 for never
	Revoked   bool
	CanMint   bool

	header  string
	secret  []byte
	x, y, d []byte
	used    []any // of a tombstone: digests of what it held
}

// String shows the key without its material.
func (k *Key) String() string { return fmt.Sprintf("<Key %q %s>", k.KID, k.Algorithm) }

// GoString is String, for %#v.
func (k *Key) GoString() string { return k.String() }

func (k *Key) verifies(now int64) bool { return !k.Revoked && now < k.Exp }

// Ring is an immutable set of keys (SPEC section 7).
type Ring struct {
	Serial   int64
	keys     map[string]*Key
	byHeader map[string]*Key
}

// Source tells ParseRing where a document comes from.
type Source struct {
	FromStore bool  // a file, the environment, a store: published secrets are refused
	Running   *Ring // the ring in use, which the document must not turn back
}

var kidForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

type jwk = map[string]any

// ParseRing gives the ring of a JWK Set in JSON.
func ParseRing(document []byte, source Source) (*Ring, error) {
	parsed, err := parseJSON(document)
	if err != nil {
		return nil, refuse("the key document: %v", err)
	}
	set, _ := parsed.(jwk)
	list, ok := set["keys"].([]any)
	if !ok || len(list) == 0 {
		return nil, refuse(`a key document is a JWK Set with a list "keys" of at least one key`)
	}
	ring := &Ring{keys: map[string]*Key{}, byHeader: map[string]*Key{}}
	if serial, there := set["serial"]; there {
		if ring.Serial, ok = integer(serial, 0, maxInt); !ok {
			return nil, refuse("serial must be an integer from 0 to 2^53 - 1")
		}
	}
	if err := checkRotation(set["rotation"]); err != nil {
		return nil, err
	}
	groups := map[string][]jwk{}
	for index, item := range list {
		member, _ := item.(jwk)
		kid, _ := member["kid"].(string)
		if !kidForm.MatchString(kid) {
			return nil, refuse("keys[%d]: a JWK needs a kid of 1 to 32 characters of A-Z a-z 0-9 _ -", index)
		}
		groups[kid] = append(groups[kid], member)
	}
	for kid, jwks := range groups {
		key, err := parseKey(kid, jwks)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", kid, err)
		}
		ring.keys[kid], ring.byHeader[key.header] = key, key
	}
	if err := ring.check(source); err != nil {
		return nil, err
	}
	return ring, nil
}

func checkRotation(rotation any) error {
	if rotation == nil {
		return nil
	}
	members, ok := rotation.(jwk)
	if !ok {
		return refuse(`the member "rotation" must be an object`)
	}
	if lifetime := members["token_lifetime"]; lifetime != nil {
		if _, ok := integer(lifetime, 1, maxSeconds); !ok {
			return refuse("token_lifetime must be an integer from 1 to 2^32 - 1")
		}
	}
	return nil
}

// Keys gives the keys, by kid.
func (r *Ring) Keys() []*Key {
	keys := make([]*Key, 0, len(r.keys))
	for _, key := range r.keys {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].KID < keys[j].KID })
	return keys
}

// Active gives the key that signs at the Unix second now, or nil.
func (r *Ring) Active(now int64) *Key {
	return r.choose(now, func(key *Key) bool { return key.CanMint })
}

// States gives the state of every kid at the Unix second now.
func (r *Ring) States(now int64) map[string]string {
	mints := false
	for _, key := range r.keys {
		mints = mints || key.CanMint && !key.Revoked
	}
	active := r.choose(now, func(key *Key) bool { return key.CanMint || !mints })
	states := map[string]string{}
	for kid, key := range r.keys {
		switch {
		case key.Revoked:
			states[kid] = "revoked"
		case now >= key.Exp:
			states[kid] = "expired"
		case key == active:
			states[kid] = "active"
		case now < key.NBF:
			states[kid] = "pending"
		default:
			states[kid] = "retiring"
		}
	}
	return states
}

// choose gives the candidate with the greatest nbf that has come, else the one with the smallest; ties go to the greatest kid.
func (r *Ring) choose(now int64, candidate func(*Key) bool) *Key {
	var chosen *Key
	for _, key := range r.Keys() {
		if !candidate(key) || !key.verifies(now) {
			continue
		}
		switch {
		case chosen == nil, key.NBF == chosen.NBF:
			chosen = key
		case key.NBF <= now && (chosen.NBF > now || key.NBF > chosen.NBF):
			chosen = key
		case key.NBF > now && chosen.NBF > now && key.NBF < chosen.NBF:
			chosen = key
		}
	}
	return chosen
}

var forms = map[string][2]string{"HS256": {"oct", ""}, "Ed25519": {"OKP", "Ed25519"}, "ES256": {"EC", "P-256"}}

func parseKey(kid string, jwks []jwk) (*Key, error) {
	signature, encryption, err := pair(jwks)
	if err != nil {
		return nil, err
	}
	key := &Key{KID: kid, Algorithm: signature["alg"].(string), Exp: math.MaxInt64}
	if revoked, there := signature["revoked"]; there {
		key.Revoked = true
		members, _ := revoked.(jwk)
		key.used, _ = members["used"].([]any)
	}
	for name, date := range map[string]*int64{"nbf": &key.NBF, "exp": &key.Exp} {
		if value, there := signature[name]; there {
			var ok bool
			if *date, ok = integer(value, 0, maxInt); !ok {
				return nil, refuse("%s must be whole Unix seconds from 0 to 2^53 - 1", name)
			}
		}
	}
	if key.NBF >= key.Exp {
		return nil, refuse("nbf must be before exp")
	}
	if err := key.load(signature, encryption); err != nil {
		return nil, err
	}
	key.CanMint = key.secret != nil && (key.Algorithm == "HS256" || key.d != nil)
	header := fmt.Sprintf(`{"alg":"%s","kid":"%s"}`, key.Algorithm, kid)
	key.header = base64.RawURLEncoding.EncodeToString([]byte(header))
	return key, nil
}

// load reads the material; of a revoked key it may be gone.
func (k *Key) load(signature, encryption jwk) error {
	var err error
	if k.Algorithm == "HS256" {
		if _, there := signature["k"]; there || !k.Revoked {
			k.secret, err = loadSecret(signature, 64)
		}
		return err
	}
	if _, there := signature["x"]; there || !k.Revoked {
		load := k.loadEd25519
		if k.Algorithm == "ES256" {
			load = k.loadP256
		}
		if err := load(signature); err != nil {
			return err
		}
	}
	if encryption != nil {
		k.secret, err = loadSecret(encryption, 32)
	} else if !k.Revoked {
		return refuse("the signature JWK stands without its A256GCM JWK")
	}
	return err
}

// pair tells the signature JWK of a kid from the encryption JWK, and refuses other combinations.
func pair(jwks []jwk) (signature, encryption jwk, err error) {
	for _, member := range jwks {
		alg, _ := member["alg"].(string)
		switch _, signs := forms[alg]; {
		case alg == "A256GCM" && encryption == nil:
			encryption = member
		case signs && signature == nil:
			signature = member
		default:
			return nil, nil, refuse("an alg other than HS256, Ed25519, ES256 and A256GCM, or two JWKs for one purpose")
		}
	}
	if signature == nil {
		return nil, nil, refuse("the A256GCM JWK stands without a signature JWK")
	}
	form := forms[signature["alg"].(string)]
	if signature["kty"] != form[0] || form[1] != "" && signature["crv"] != form[1] {
		return nil, nil, refuse("kty and crv are not those of its alg")
	}
	symmetric := form[0] == "oct"
	if _, there := signature["k"]; there && !symmetric {
		return nil, nil, refuse("k belongs on the A256GCM JWK")
	}
	_, signs := signature["d"]
	needed := []string{"verify"}
	if symmetric {
		needed = []string{"sign", "verify"}
	} else if signs {
		needed = []string{"sign"}
	}
	if err := checkPurpose(signature, "sig", []string{"sign", "verify"}, needed); err != nil || encryption == nil {
		return signature, nil, err
	}
	if symmetric || encryption["kty"] != "oct" {
		return nil, nil, refuse("an HS256 key is one JWK, and alg A256GCM needs kty oct")
	}
	for _, name := range []string{"nbf", "exp", "revoked"} {
		if _, there := encryption[name]; there {
			return nil, nil, refuse("%s belongs on the signature JWK", name)
		}
	}
	needed = []string{"decrypt"}
	if signs {
		needed = []string{"encrypt", "decrypt"}
	}
	return signature, encryption, checkPurpose(encryption, "enc", []string{"encrypt", "decrypt"}, needed)
}

// checkPurpose holds use and key_ops, where they are there, against what a JWK is for.
func checkPurpose(member jwk, use string, allowed, needed []string) error {
	if given, there := member["use"]; there && given != use {
		return refuse("use must be %q", use)
	}
	given, there := member["key_ops"]
	if !there {
		return nil
	}
	list, ok := given.([]any)
	seen := map[any]bool{}
	for _, op := range list {
		text, isText := op.(string)
		ok = ok && isText && contains(allowed, text) && !seen[text]
		if isText {
			seen[text] = true
		}
	}
	for _, op := range needed {
		ok = ok && seen[op]
	}
	if !ok {
		return refuse("key_ops contradict its purpose")
	}
	return nil
}

func contains(list []string, text string) bool {
	for _, item := range list {
		if item == text {
			return true
		}
	}
	return false
}

func material(member jwk, name string, least, most int) ([]byte, error) {
	text, _ := member[name].(string)
	data, ok := decodeBase64url(text)
	if !ok || len(data) < least || len(data) > most {
		return nil, refuse("%s must be canonical base64url of %d to %d bytes", name, least, most)
	}
	return data, nil
}

func loadSecret(member jwk, most int) ([]byte, error) {
	secret, err := material(member, "k", 32, most)
	if err != nil {
		return nil, err
	}
	if isEncodedKey(secret) {
		return nil, refuse("k is an encoded key, which is no secret")
	}
	distinct := map[byte]bool{}
	for _, value := range secret {
		distinct[value] = true
	}
	if len(distinct) < 12 {
		return nil, refuse("k has fewer than 12 distinct byte values")
	}
	return secret, nil
}

var heads = regexp.MustCompile(`^(ssh-(rsa|dss|ed25519)|ecdsa-sha2-|sk-ssh-|sk-ecdsa-|openssh-key-v1)`)

// isEncodedKey tells whether data is the text of a JWK, a DER key, or PEM or SSH, of which 64 bytes hold the head.
func isEncodedKey(data []byte) bool {
	if bytes.Contains(data, []byte("-----BEGIN ")) || heads.Match(data) || len(data) > 4 && heads.Match(data[4:]) {
		return true
	}
	var members map[string]json.RawMessage
	if utf8.Valid(data) && json.Unmarshal(data, &members) == nil {
		_, kty := members["kty"]
		_, keys := members["keys"]
		return kty || keys
	}
	var public struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	var private struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
		Rest      asn1.RawValue `asn1:"optional"`
	}
	var sec1 struct {
		Version    int
		Key        []byte
		Parameters asn1.RawValue `asn1:"optional,explicit,tag:0"`
		Public     asn1.RawValue `asn1:"optional,explicit,tag:1"`
	}
	for _, form := range []any{&public, &private, &sec1} {
		if rest, err := asn1.Unmarshal(data, form); err == nil && len(rest) == 0 {
			return true
		}
	}
	return false
}

func (k *Key) loadEd25519(member jwk) error {
	var err error
	if k.x, err = material(member, "x", 32, 32); err != nil {
		return err
	}
	if !isSafePoint(k.x) {
		return refuse("x is of small order, or not the canonical encoding of a point")
	}
	if _, there := member["d"]; !there {
		return nil
	}
	if k.d, err = material(member, "d", 32, 32); err != nil {
		return err
	}
	if !bytes.Equal(ed25519.NewKeyFromSeed(k.d).Public().(ed25519.PublicKey), k.x) {
		return refuse("x is not the public half of d")
	}
	return nil
}

func (k *Key) loadP256(member jwk) error {
	for name, half := range map[string]*[]byte{"x": &k.x, "y": &k.y} {
		var err error
		if *half, err = material(member, name, 32, 32); err != nil {
			return err
		}
	}
	public := k.p256()
	if prime := elliptic.P256().Params().P; public.X.Cmp(prime) >= 0 || public.Y.Cmp(prime) >= 0 {
		return refuse("x or y is not below the prime of P-256")
	}
	if !elliptic.P256().IsOnCurve(public.X, public.Y) {
		return refuse("x and y are not a point of P-256")
	}
	if _, there := member["d"]; !there {
		return nil
	}
	d, err := material(member, "d", 32, 32)
	if err != nil {
		return err
	}
	scalar := new(big.Int).SetBytes(d)
	if scalar.Sign() == 0 || scalar.Cmp(elliptic.P256().Params().N) >= 0 {
		return refuse("d is no private key of P-256")
	}
	x, y := elliptic.P256().ScalarBaseMult(d)
	if x.Cmp(public.X) != 0 || y.Cmp(public.Y) != 0 {
		return refuse("x and y are not the public half of d")
	}
	k.d = d
	return nil
}

func (k *Key) p256() *ecdsa.PublicKey {
	return &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(k.x), Y: new(big.Int).SetBytes(k.y)}
}

// check holds the ring's keys against one another, against published secrets and against the running ring.
func (r *Ring) check(source Source) error {
	seen := map[string]*Key{}
	for _, key := range r.Keys() {
		if key.secret == nil {
			continue
		}
		if other := seen[string(key.secret)]; other != nil {
			return refuse("keys %q and %q hold the same k", other.KID, key.KID)
		}
		seen[string(key.secret)] = key
		for _, other := range r.keys {
			for _, half := range [][]byte{other.d, other.x, other.y} {
				if half != nil && bytes.Contains(key.secret, half) {
					return refuse("key %q: k holds half of key %q, which others may know", key.KID, other.KID)
				}
			}
		}
	}
	if err := r.checkRevokedMaterial(r); err != nil {
		return err
	}
	if source.FromStore {
		if err := r.checkUnpublished(); err != nil {
			return err
		}
	}
	if source.Running == nil {
		return nil
	}
	return r.checkSuccessor(source.Running)
}

func (r *Ring) checkUnpublished() error {
	for _, key := range r.keys {
		for _, secret := range [][]byte{key.secret, key.d} {
			hash := sha256.Sum256(secret)
			if published[hex.EncodeToString(hash[:])] {
				return refuse("key %q: its secret is a published example; make a new one", key.KID)
			}
		}
	}
	return nil
}

// digests gives the SHA-256 of what no other key may hold once this one is revoked.
func (k *Key) digests() []any {
	var list []any
	for _, data := range [][]byte{k.secret, k.x} {
		if data != nil {
			hash := sha256.Sum256(data)
			list = append(list, base64.RawURLEncoding.EncodeToString(hash[:]))
		}
	}
	return list
}

// checkRevokedMaterial refuses k or x of a listed revoked key under another kid.
func (r *Ring) checkRevokedMaterial(listed *Ring) error {
	for _, gone := range listed.keys {
		if !gone.Revoked {
			continue
		}
		for _, key := range r.keys {
			if key.KID == gone.KID {
				continue
			}
			again := false
			for _, digest := range key.digests() {
				for _, used := range append(gone.digests(), gone.used...) {
					again = again || used == digest
				}
			}
			if again {
				return refuse("key %q has material of %q, which is revoked", key.KID, gone.KID)
			}
		}
	}
	return nil
}

// isTombstone tells whether a key is revoked and without material.
func (k *Key) isTombstone() bool { return k.Revoked && k.secret == nil && k.x == nil }

func (r *Ring) checkSuccessor(running *Ring) error {
	if r.Serial < running.Serial {
		return errors.New("the serial is older than the running one")
	}
	for kid, other := range running.keys {
		key := r.keys[kid]
		if other.Revoked && (key == nil || !key.Revoked) {
			return refuse("key %q: a revocation is for good, and its tombstone stays", kid)
		}
		if key == nil || key.isTombstone() || other.isTombstone() {
			continue
		}
		same := func(one, two []byte) bool { return one == nil || two == nil || bytes.Equal(one, two) }
		if key.Algorithm != other.Algorithm || !same(key.secret, other.secret) || !same(key.x, other.x) || !same(key.y, other.y) {
			return refuse("key %q: its material is not that of the running ring", kid)
		}
	}
	return r.checkRevokedMaterial(running)
}
