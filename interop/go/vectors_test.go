package tokensession

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Every case of ../../vectors but those for writers (its README.md says how).

type document struct {
	Format string
	Count  int
	Rings  map[string]json.RawMessage
	Key    json.RawMessage
	Cases  []vector
}

type vector struct {
	ID         string
	Expect     string
	Acceptable []string
	// derivation
	Secret, Salt string
	Context      any
	SigKey       string `json:"sig_key"`
	EncKey       string `json:"enc_key"`
	// claims
	Plaintext string
	Claims    *expectedClaims
	// states and keys
	Document json.RawMessage
	Running  json.RawMessage
	Text     *string
	Bytes    string
	FromFile bool `json:"from_file"`
	Times    []struct {
		Now    int64
		States map[string]string
		Active string
	}
	KIDs []struct {
		KID       string
		Algorithm string
		CanMint   bool `json:"can_mint"`
	}
	// tokens
	Ring, Token     string
	Now             float64
	Leeway          int64
	AbsoluteTimeout int64 `json:"absolute_timeout"`
	Longest         int64
	KeyState        string `json:"key_state"`
	Fields          map[string]string
	Layers          map[string]string
	// lifetimes
	Operation string
	DiesAt    int64 `json:"dies_at"`
}

type expectedClaims struct {
	SID           string
	IAT, TTL, Age int64
	Sub, State    any
	Cap           *int64
	Signers       []string
	Auth          *int64
}

func load(t *testing.T, name string) document {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "vectors", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var content document
	if err := decoder.Decode(&content); err != nil {
		t.Fatal(err)
	}
	if content.Format != "tokensession/v1" || content.Count != len(content.Cases) {
		t.Fatalf("%s.json: format %q, count %d, %d cases", name, content.Format, content.Count, len(content.Cases))
	}
	return content
}

// word turns an error into the word of the closed lists.
func word(t *testing.T, err error) string {
	t.Helper()
	var token *TokenError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &token):
		return token.Code
	}
	return "config_error"
}

func run(t *testing.T, name string, try func(t *testing.T, v vector, content document) error) {
	content := load(t, name)
	for _, v := range content.Cases {
		if v.Operation == "new" || v.Operation == "renew" {
			continue // this package reads only
		}
		t.Run(v.ID, func(t *testing.T) {
			found := word(t, try(t, v, content))
			for _, allowed := range append(v.Acceptable, v.Expect) {
				if found == allowed {
					return
				}
			}
			t.Errorf("gave %s, expected %s %v", found, v.Expect, v.Acceptable)
		})
	}
}

func unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

func TestDerivation(t *testing.T) {
	run(t, "derivation", func(t *testing.T, v vector, _ document) error {
		context, isText := v.Context.(string)
		if !isText { // lone surrogates; strings hold their bytes
			context = "a\xed\xa0\x80"
		}
		if err := checkContext(context); err != nil {
			return err
		}
		same(t, "sig_key", hex.EncodeToString(derive(unhex(v.Secret), "sig", context, nil)), v.SigKey)
		same(t, "enc_key", hex.EncodeToString(derive(unhex(v.Secret), "enc", context, unhex(v.Salt))), v.EncKey)
		return nil
	})
}

func TestClaims(t *testing.T) {
	run(t, "claims", func(t *testing.T, v vector, _ document) error {
		claims, err := ReadClaims(unhex(v.Plaintext))
		if err == nil && v.Claims != nil {
			sameClaims(t, claims, v.Claims)
		}
		return err
	})
}

func TestStates(t *testing.T) {
	run(t, "states", func(t *testing.T, v vector, _ document) error {
		ring, err := ParseRing(v.Document, Source{})
		if err != nil {
			return err
		}
		for _, moment := range v.Times {
			same(t, "states", ring.States(moment.Now), moment.States)
			active := ""
			if key := ring.Active(moment.Now); key != nil {
				active = key.KID
			}
			same(t, "active", active, moment.Active)
		}
		return nil
	})
}

func TestKeys(t *testing.T) {
	run(t, "keys", func(t *testing.T, v vector, _ document) error {
		source := Source{FromStore: v.FromFile}
		if v.Running != nil {
			var err error
			if source.Running, err = ParseRing(v.Running, Source{}); err != nil {
				t.Fatal(err)
			}
		}
		text := []byte(v.Document)
		if v.Text != nil {
			text = []byte(*v.Text)
		} else if v.Bytes != "" {
			text = unhex(v.Bytes)
		}
		ring, err := ParseRing(text, source)
		if err != nil || v.KIDs == nil {
			return err
		}
		found, expected := []string{}, []string{}
		for _, key := range ring.Keys() {
			found = append(found, fmt.Sprint(key.KID, " ", key.Algorithm, " ", key.CanMint))
		}
		for _, key := range v.KIDs {
			expected = append(expected, fmt.Sprint(key.KID, " ", key.Algorithm, " ", key.CanMint))
		}
		sort.Strings(expected)
		same(t, "keys", found, expected)
		return nil
	})
}

func TestTokens(t *testing.T) {
	run(t, "tokens", func(t *testing.T, v vector, content document) error {
		ring, err := ParseRing(content.Rings[v.Ring], Source{})
		if err != nil {
			t.Fatal(err)
		}
		context := v.Context.(string)
		reader := &Reader{Ring: ring, Context: context, Leeway: v.Leeway, AbsoluteTimeout: v.AbsoluteTimeout, Longest: v.Longest}
		if v.Fields != nil {
			reader.Fits = func(state any) bool { return fits(state, v.Fields) }
		}
		session, err := reader.Decode(v.Token, int64(math.Floor(v.Now)))
		var refused *TokenError
		if errors.As(err, &refused) && refused.Code == "unknown_key" {
			same(t, "key_state", refused.KeyState, v.KeyState)
		}
		if err != nil || v.Claims == nil {
			return err
		}
		sameClaims(t, &session.Claims, v.Claims)
		same(t, "start", session.StartedAt, v.Claims.IAT-v.Claims.Age)
		sameLayers(t, v, ring.keys[session.KID], context)
		return nil
	})
}

func TestLifetimes(t *testing.T) {
	run(t, "lifetimes", func(t *testing.T, v vector, content document) error {
		ring, err := ParseRing([]byte(fmt.Sprintf(`{"keys": [%s]}`, content.Key)), Source{})
		if err != nil {
			t.Fatal(err)
		}
		reader := &Reader{Ring: ring, Context: "session", AbsoluteTimeout: v.AbsoluteTimeout, Longest: v.Longest}
		session, err := reader.Decode(v.Token, int64(v.Now))
		if err == nil {
			same(t, "dies_at", session.ExpiresAt, v.DiesAt)
		}
		return err
	})
}

func fits(state any, fields map[string]string) bool {
	members, isMap := state.(map[string]any)
	for name, kind := range fields {
		value, there := members[name]
		names := map[string]string{"int64": "int", "string": "str", "bool": "bool", "[]uint8": "bin"}
		isMap = isMap && there && value != nil && names[reflect.TypeOf(value).String()] == kind
	}
	return isMap
}

func sameLayers(t *testing.T, v vector, key *Key, context string) {
	t.Helper()
	segments := strings.Split(v.Token, ".")
	header, _ := decodeBase64url(segments[0])
	payload, _ := decodeBase64url(segments[1])
	signature, _ := decodeBase64url(segments[2])
	encKey := derive(key.secret, "enc", context, payload[1:9])
	plaintext, err := open(encKey, payload, segments[0])
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{
		"enc_key": hex.EncodeToString(encKey), "header": string(header), "salt": hex.EncodeToString(payload[1:9]),
		"nonce": hex.EncodeToString(payload[9:21]), "plaintext": hex.EncodeToString(plaintext),
		"payload": hex.EncodeToString(payload), "signing_input": segments[0] + "." + segments[1],
		"signature": hex.EncodeToString(signature),
	}
	if key.Algorithm == "HS256" {
		found["sig_key"] = hex.EncodeToString(derive(key.secret, "sig", context, nil))
	} else {
		found["public_key"] = hex.EncodeToString(append(append([]byte{}, key.x...), key.y...))
	}
	same(t, "layers", found, v.Layers)
}

func sameClaims(t *testing.T, found *Claims, expected *expectedClaims) {
	t.Helper()
	same(t, "sid", hex.EncodeToString(found.SID), expected.SID)
	same(t, "dates", []int64{found.IAT, found.TTL, found.Age}, []int64{expected.IAT, expected.TTL, expected.Age})
	same(t, "cap", found.Cap, expected.Cap)
	same(t, "signers", found.Signers, expected.Signers)
	same(t, "auth", found.Auth, expected.Auth)
	same(t, "sub", canonical(found.Subject), canonical(value(expected.Sub)))
	same(t, "state", canonical(found.State), canonical(value(expected.State)))
}

// value gives what tagged JSON stands for.
func value(tagged any) any {
	switch tagged := tagged.(type) {
	case json.Number:
		number, err := tagged.Int64()
		if err != nil {
			panic(err)
		}
		return number
	case []any:
		items := []any{}
		for _, item := range tagged {
			items = append(items, value(item))
		}
		return items
	case map[string]any:
		if text, ok := tagged["$float"].(string); ok {
			number, err := strconv.ParseFloat(text, 64)
			if err != nil {
				panic(err)
			}
			return number
		}
		if text, ok := tagged["$bin"].(string); ok {
			return unhex(text)
		}
		if parts, ok := tagged["$timestamp"].([]any); ok {
			return time.Unix(value(parts[0]).(int64), value(parts[1]).(int64)).UTC()
		}
		members := map[string]any{}
		for name, item := range tagged {
			members[name] = value(item)
		}
		return members
	}
	return tagged
}

// canonical gives text that is equal for equal values of equal types; the sign of zero counts.
func canonical(value any) string {
	switch value := value.(type) {
	case float64:
		return fmt.Sprintf("float(%x)", math.Float64bits(value))
	case time.Time:
		return fmt.Sprintf("time(%d.%09d)", value.Unix(), value.Nanosecond())
	case []byte:
		return "bin(" + hex.EncodeToString(value) + ")"
	case []any:
		texts := []string{}
		for _, item := range value {
			texts = append(texts, canonical(item))
		}
		return "[" + strings.Join(texts, " ") + "]"
	case map[string]any:
		texts := []string{}
		for name, item := range value {
			texts = append(texts, strconv.Quote(name)+":"+canonical(item))
		}
		sort.Strings(texts)
		return "{" + strings.Join(texts, " ") + "}"
	}
	return fmt.Sprintf("%T(%#v)", value, value)
}

func same(t *testing.T, what string, found, expected any) {
	t.Helper()
	if !reflect.DeepEqual(found, expected) {
		t.Errorf("%s: %v is not %v", what, found, expected)
	}
}

func TestKeysShowNoMaterial(t *testing.T) {
	ring, err := ParseRing(load(t, "tokens").Rings["worked"], Source{})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range ring.Keys() {
		text := fmt.Sprintf("%v %+v %#v", key, key, key)
		if strings.Contains(text, "secret") || len(text) > 200 {
			t.Error(text)
		}
	}
}

func TestNegativeLimitsAreRefused(t *testing.T) {
	ring, err := ParseRing(load(t, "tokens").Rings["worked"], Source{})
	if err != nil {
		t.Fatal(err)
	}
	for _, reader := range []Reader{{AbsoluteTimeout: -1}, {Leeway: -1}, {AbsoluteTimeout: 1, Longest: -1}} {
		reader.Ring, reader.Context = ring, "session"
		var refused *TokenError
		if _, err := reader.Decode("a.b.c", 0); err == nil || errors.As(err, &refused) {
			t.Error(reader, err)
		}
	}
}
