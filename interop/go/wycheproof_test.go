package tokensession

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

type wycheproofTest struct {
	TCID                       int `json:"tcId"`
	Msg, Sig, Key, Tag, IV, CT string
	AAD, Result                string
}

type wycheproofGroup struct {
	SHA       string
	KeySize   int
	IVSize    int
	TagSize   int
	PublicKey struct{ PK, Uncompressed string }
	Tests     []wycheproofTest
}

func base64URL(digits string) string { return base64.RawURLEncoding.EncodeToString(unhex(digits)) }

// TestWycheproof runs Wycheproof's files in the folder that TOKENSESSION_WYCHEPROOF names, if any.
func TestWycheproof(t *testing.T) {
	folder := os.Getenv("TOKENSESSION_WYCHEPROOF")
	if folder == "" {
		return
	}
	load := func(kty, crv, alg string) func(wycheproofGroup, wycheproofTest) bool {
		return func(group wycheproofGroup, test wycheproofTest) bool {
			secret := "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoM"
			jwk := map[string]string{"kty": kty, "crv": crv, "alg": alg, "kid": "k"}
			if point := group.PublicKey.Uncompressed; alg == "ES256" {
				jwk["x"], jwk["y"] = base64URL(point[2:66]), base64URL(point[66:])
			} else {
				jwk["x"] = base64URL(group.PublicKey.PK)
			}
			encryption := map[string]string{"kty": "oct", "alg": "A256GCM", "kid": "k", "k": secret}
			document, _ := json.Marshal(map[string]any{"keys": []any{jwk, encryption}})
			ring, err := ParseRing(document, Source{})
			// A key that the loader refuses verifies nothing, nor does a signature of another length.
			signature := unhex(test.Sig)
			return err == nil && len(signature) == 64 && ring.keys["k"].signatureFits("session", unhex(test.Msg), signature)
		}
	}
	files := []struct {
		name string
		uses func(wycheproofGroup) bool
		run  func(wycheproofGroup, wycheproofTest) bool
	}{
		{"ed25519_test", func(wycheproofGroup) bool { return true }, load("OKP", "Ed25519", "Ed25519")},
		{"ecdsa_secp256r1_sha256_p1363_test", func(group wycheproofGroup) bool { return group.SHA == "SHA-256" }, load("EC", "P-256", "ES256")},
		{"hmac_sha256_test", func(group wycheproofGroup) bool { return group.TagSize == 256 }, func(_ wycheproofGroup, test wycheproofTest) bool {
			return sameMAC(unhex(test.Key), unhex(test.Msg), unhex(test.Tag))
		}},
		{"aes_gcm_test", func(group wycheproofGroup) bool {
			return group.KeySize == 256 && group.IVSize == 96 && group.TagSize == 128
		}, func(_ wycheproofGroup, test wycheproofTest) bool {
			payload := append(make([]byte, 9), unhex(test.IV+test.CT+test.Tag)...)
			plain, err := open(unhex(test.Key), payload, string(unhex(test.AAD)))
			return err == nil && bytes.Equal(plain, unhex(test.Msg))
		}},
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(folder, file.name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var content struct{ TestGroups []wycheproofGroup }
		if err := json.Unmarshal(data, &content); err != nil {
			t.Fatal(err)
		}
		cases, wrong := 0, 0
		for _, group := range content.TestGroups {
			for _, test := range group.Tests {
				if !file.uses(group) {
					continue
				}
				cases++
				if file.run(group, test) != (test.Result == "valid") {
					wrong++
					t.Errorf("%s %d", file.name, test.TCID)
				}
			}
		}
		fmt.Printf("%s: %d cases, %d wrong\n", file.name, cases, wrong)
	}
}
