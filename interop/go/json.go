package tokensession

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

const maxLevels = 64 // of a key document

var errJSON = errors.New("not JSON, a member named twice, or nested too deep")

// parseJSON gives the value of a JSON text. Numbers stay text, so that 1.0 is told from 1.
func parseJSON(text []byte) (any, error) {
	// The tokens of the standard library are read leniently; whether the text is JSON is told before.
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, errJSON
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return readJSON(decoder, 1)
}

func readJSON(decoder *json.Decoder, level int) (any, error) {
	token, err := decoder.Token()
	if err != nil || level > maxLevels+1 {
		return nil, errJSON
	}
	if number, ok := token.(json.Number); ok {
		if float, err := strconv.ParseFloat(string(number), 64); err != nil || math.IsInf(float, 0) {
			return nil, errJSON
		}
	}
	delimiter, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if level > maxLevels {
		return nil, errJSON
	}
	items, members := []any{}, map[string]any{}
	for decoder.More() {
		var name string
		if delimiter == '{' {
			token, err := decoder.Token()
			if err != nil {
				return nil, errJSON
			}
			name = token.(string)
			if _, twice := members[name]; twice {
				return nil, errJSON
			}
		}
		value, err := readJSON(decoder, level+1)
		if err != nil {
			return nil, err
		}
		items = append(items, value)
		members[name] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errJSON
	}
	if delimiter == '{' {
		return members, nil
	}
	return items, nil
}

// integer gives the whole number that a JSON number without fraction and exponent is.
func integer(value any, least, most int64) (int64, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return 0, false
	}
	whole, err := strconv.ParseInt(string(number), 10, 64)
	return whole, err == nil && least <= whole && whole <= most
}
