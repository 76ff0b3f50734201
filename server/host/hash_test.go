package host_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// alike are two scripts whose hashes begin with the same 8 digits.
func alike(t *testing.T) (one, other, digits string) {
	t.Helper()
	seen := make(map[string]string)
	for i := range 1_000_000 { // by the birthday paradox some 77,000 do, most often
		script := fmt.Sprintf("#!/bin/sh\n# %d\n", i)
		sum := sha256.Sum256([]byte(script))
		digits = hex.EncodeToString(sum[:4])
		if before, ok := seen[digits]; ok {
			return before, script, digits
		}
		seen[digits] = script
	}
	t.Fatal("no two scripts are alike")
	return "", "", ""
}

// TestReleasesByTheirFirstDigits: a swap and a pin take as much of a hash as tells a release from others.
func TestReleasesByTheirFirstDigits(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	before := r.serving(t).Release.SHA256
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@file", "decides")
	file := r.file(t, "file").SHA256
	if err := r.pin(t, "canary", "able", time.Hour); err != nil {
		t.Fatal(err)
	}
	pinned := r.pins(t)[0].Release.SHA256
	install(t, r.cfg.PluginDir, canaryFile, "") // the pinned one is among the server's own copies only
	one, other, twice := alike(t)
	write(t, r.cfg.PluginDir, handshake.FilePrefix+"one@a", one, 0o700)
	write(t, r.cfg.PluginDir, handshake.FilePrefix+"one@b", other, 0o700)
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"two", "other")
	for _, tt := range []struct {
		name, digits string
		want         string // the release; empty when there is a reason
		reason, says string
	}{
		{"all digits", before, before, "", ""},
		{"all digits in upper case", strings.ToUpper(file), file, "", ""},
		{"the release before, as lists show it", before[:12], before, "", ""},
		{"that of a file, 8 digits", file[:8], file, "", ""},
		{"that of a pin, in upper case", strings.ToUpper(pinned[:9]), pinned, "", ""},
		{"too few digits", before[:7], "", problem.ReasonInvalidField, "at least 8"},
		{"too many digits", before + "0", "", problem.ReasonInvalidField, "must be 64 hexadecimal digits"},
		{"no digits", "relaisrelais", "", problem.ReasonInvalidField, "hexadecimal"},
		{"several releases", twice, "", problem.ReasonInvalidField, "several releases begin with " + twice + "; give more digits: " + twice},
		{"no release", "0000000000", "", problem.ReasonReleaseNotFound, "there is no release 0000000000; "},
		{"no release, all digits", strings.Repeat("0", 64), "", problem.ReasonReleaseNotFound, "there is no release 000000000000; "},
	} {
		t.Run(tt.name, func(t *testing.T) { // one host bears them all
			for what, ask := range map[string]func() (got string, err error){
				"swap": func() (string, error) {
					err := r.SwapRelease(t.Context(), "one", tt.digits, func(host.Step) {})
					return r.serving(t).Release.SHA256, err
				},
				"pin": func() (string, error) {
					err := r.Pin(t.Context(), host.PinRequest{Adapter: "one", Store: "another", SHA256: tt.digits, ExpireTime: time.Now().Add(time.Hour)})
					return r.pins(t)[0].Release.SHA256, err
				},
			} {
				switch got, err := ask(); {
				case tt.reason != "" && (!problem.HasReason(err, tt.reason) || !strings.Contains(err.Error(), tt.says)):
					t.Errorf("%s = %v, want %s that says %q", what, err, tt.reason, tt.says)
				case tt.reason == "" && (err != nil || got != tt.want):
					t.Errorf("%s = %v, release %.12s; want %.12s", what, err, got, tt.want)
				}
			}
		})
	}
}
