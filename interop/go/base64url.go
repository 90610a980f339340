package tokensession

import (
	"encoding/base64"
	"strings"
)

var strict = base64.RawURLEncoding.Strict()

// decodeBase64url gives the bytes that text is the canonical spelling of; ok is false for any other text.
func decodeBase64url(text string) (data []byte, ok bool) {
	// The decoder of the standard library skips line ends.
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	data, err := strict.DecodeString(text)
	return data, err == nil
}
