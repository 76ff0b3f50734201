package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

func TestRunGreetsAndStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"--listen", "127.0.0.1:0", "--orders", "30", "--seed", "3", "--sellers", "3", "--now", "2026-03-19T09:00:00Z", "--varieties", "company, sparse", "--prerender"}, w, io.Discard)
		_ = w.Close()
	}()
	lines := bufio.NewScanner(r)
	if !lines.Scan() {
		t.Fatalf("no first line: %v", <-done)
	}
	found := regexp.MustCompile(`^relais-sandbox listening on (http://127\.0\.0\.1:[0-9]+)$`).FindStringSubmatch(lines.Text())
	if found == nil {
		t.Fatalf("first line %q", lines.Text())
	}
	var rest strings.Builder
	for lines.Scan() {
		rest.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "secret") {
			break
		}
	}
	for _, want := range []string{
		"login demo-api, password demo-password (same password for demo2-api to demo3-api)",
		"seller 10001, client demo-client, secret demo-secret (same secret for 10002, demo2-client to 10003, demo3-client)",
		"Cdiscount STS      " + found[1] + "/cdiscount/users/httpIssue.svc/\n",
		"Octopia API        " + found[1] + "/octopia/seller/v2\n",
	} {
		if !strings.Contains(rest.String(), want) {
			t.Errorf("no %q in the greeting:\n%s", want, rest.String())
		}
	}
	resp, err := http.Get(found[1] + "/sandbox/clock")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !strings.Contains(string(body), `"now":"2026-03-19T09:0`) {
		t.Errorf("clock: %v: %s", err, body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

// TestGreetingNamesTheOtherSellers: by name, or the first and the last of several.
func TestGreetingNamesTheOtherSellers(t *testing.T) {
	t.Parallel()
	for sellers, want := range map[int]string{
		1: "  login demo-api, password demo-password\n" +
			"  seller 10001, client demo-client, secret demo-secret\n",
		2: "  login demo-api, password demo-password (same password for demo2-api)\n" +
			"  seller 10001, client demo-client, secret demo-secret (same secret for 10002, demo2-client)\n",
		3: "  login demo-api, password demo-password (same password for demo2-api to demo3-api)\n" +
			"  seller 10001, client demo-client, secret demo-secret (same secret for 10002, demo2-client to 10003, demo3-client)\n",
	} {
		s, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{World: world.Config{Sellers: sellers, Seed: 1}})
		if err != nil {
			t.Fatal(err)
		}
		var greeting strings.Builder
		if err := errors.Join(greet(&greeting, s), s.Close()); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(greeting.String(), want) {
			t.Errorf("%d sellers:\n%s\nwant at the end:\n%s", sellers, greeting.String(), want)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // what is taken by mistake must not serve for ever
	for _, tc := range []struct {
		args string
		want string
	}{
		{"--listen 0.0.0.0:0", "listens on this machine only"},
		{"--now yesterday", "is not an RFC 3339 time"},
		{"--orders -1", "must not be negative"},
		{"--listen 127.0.0.1:0 extra", `unexpected argument "extra"`},
		{"--varieties home-tracked,blue", `variety "blue" is none of`},
		{"--colour blue", "flag provided but not defined"},
	} {
		var out bytes.Buffer
		if err := run(ctx, strings.Fields(tc.args), &out, io.Discard); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want …%s…", tc.args, err, tc.want)
		}
	}
}

// TestSharesNothingWithAdapters keeps the sandbox free of the adapters' and the server's code: the same misreading of a
// contract must not sit on both sides.
func TestSharesNothingWithAdapters(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		rest, ours := strings.CutPrefix(dep, "github.com/relaishq/relais/")
		if ours && !strings.HasPrefix(rest, "adapters/sandbox") || strings.HasPrefix(dep, "google.golang.org/") {
			t.Errorf("the sandbox reaches %s", dep)
		}
	}
}
