// Command answer answers one JSON line for each on standard input: how this package takes it
// (interop/differential.py asks).
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"sort"
	"strings"
	"time"

	"tokensession"
)

type question struct {
	Kind      string
	Name      string
	Text      string
	Plaintext string
	Ring      string
	Context   string
	Now       int64
	Leeway    int64
	Absolute  int64
	Longest   int64
	Typed     bool
	Token     string
	Running   string
	Store     bool
	Moments   []int64
}

var rings = map[string]*tokensession.Ring{}

func canonical(value any) string {
	switch value := value.(type) {
	case nil:
		return "n"
	case *int64:
		if value == nil {
			return "n"
		}
		return canonical(*value)
	case bool:
		return map[bool]string{true: "t", false: "f"}[value]
	case int64:
		return fmt.Sprintf("i%d", value)
	case float64:
		return "d" + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, math.Float64bits(value)))
	case string:
		return "s" + hex.EncodeToString([]byte(value))
	case []byte:
		return "b" + hex.EncodeToString(value)
	case time.Time:
		return fmt.Sprintf("T%d", value.UnixMilli())
	case []any:
		texts := []string{}
		for _, item := range value {
			texts = append(texts, canonical(item))
		}
		return "[" + strings.Join(texts, ",") + "]"
	case map[string]any:
		texts := []string{}
		for name, item := range value {
			texts = append(texts, hex.EncodeToString([]byte(name))+":"+canonical(item))
		}
		sort.Strings(texts)
		return "{" + strings.Join(texts, ",") + "}"
	}
	panic(fmt.Sprintf("no canonical text for a %T", value))
}

func digest(values ...any) string {
	sum := sha256.Sum256([]byte(canonical(values)))
	return hex.EncodeToString(sum[:8])
}

func signers(kids []string) any {
	if kids == nil {
		return nil
	}
	items := []any{}
	for _, kid := range kids {
		items = append(items, kid)
	}
	return items
}

func hasUserID(state any) bool {
	members, _ := state.(map[string]any)
	_, ok := members["user_id"].(string)
	return ok
}

func answer(line []byte) (string, error) {
	var q question
	if err := json.Unmarshal(line, &q); err != nil {
		panic(err)
	}
	switch q.Kind {
	case "ring":
		ring, err := tokensession.ParseRing([]byte(q.Text), tokensession.Source{})
		rings[q.Name] = ring
		return "ok", err
	case "claims":
		plaintext, err := hex.DecodeString(q.Plaintext)
		if err != nil {
			panic(err)
		}
		claims, err := tokensession.ReadClaims(plaintext)
		if err != nil {
			return "", err
		}
		return "ok " + digest(claims.SID, claims.IAT, claims.TTL, claims.Age, claims.Subject, claims.State, claims.Cap, signers(claims.Signers), claims.Auth), nil
	case "token":
		reader := &tokensession.Reader{Ring: rings[q.Ring], Context: q.Context, Leeway: q.Leeway, AbsoluteTimeout: q.Absolute, Longest: q.Longest}
		if q.Typed {
			reader.Fits = hasUserID
		}
		session, err := reader.Decode(q.Token, q.Now)
		if err != nil {
			return "", err
		}
		var authenticated any
		if at, known := session.AuthenticatedAt(); known {
			authenticated = at
		}
		listed := signers(session.Signers)
		if listed == nil {
			listed = []any{}
		}
		dates := []any{session.IAT, session.StartedAt, session.ExpiresAt, session.TTL, session.Cap, authenticated}
		return "ok " + digest(session.SID, dates, session.Subject, session.State, session.KID, listed), nil
	case "keys":
		return keys(q)
	case "write":
		return "skip", nil // this package reads only
	}
	panic("unknown kind " + q.Kind)
}

func keys(q question) (string, error) {
	source := tokensession.Source{FromStore: q.Store}
	if q.Running != "" {
		running, err := tokensession.ParseRing([]byte(q.Running), tokensession.Source{})
		if err != nil {
			return "", err
		}
		source.Running = running
	}
	ring, err := tokensession.ParseRing([]byte(q.Text), source)
	if err != nil {
		return "", err
	}
	listed := []any{}
	for _, key := range ring.Keys() {
		listed = append(listed, []any{key.KID, key.Algorithm, key.CanMint})
	}
	values := []any{ring.Serial, listed}
	for _, now := range q.Moments {
		states := map[string]any{}
		for kid, state := range ring.States(now) {
			states[kid] = state
		}
		var active any
		if key := ring.Active(now); key != nil {
			active = key.KID
		}
		values = append(values, []any{states, active})
	}
	return "ok " + digest(values...), nil
}

func main() {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	output := bufio.NewWriter(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		if len(line) == 1 {
			output.Flush()
			continue
		}
		text, err := answer(line)
		var token *tokensession.TokenError
		if errors.As(err, &token) {
			text = token.Code
			if token.Code == "unknown_key" {
				state := token.KeyState
				if state == "" {
					state = "null"
				}
				text += " " + state
			}
		} else if err != nil {
			text = "config_error"
		}
		fmt.Fprintln(output, text)
	}
}
