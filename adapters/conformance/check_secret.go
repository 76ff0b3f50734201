package conformance

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
)

func secretChecks() []check {
	return []check{
		{Info: Info{
			ID: "secrets-untold", Title: "tells no secret", Sandbox: true,
			Proves: "Credentials and tokens, secrets without digits among them, stand in no error, no result and no log line, whatever goes wrong, also when the marketplace quotes them: in pages, in broken answers, and in well-formed refusals of every call, logins included.",
		}, run: secretsUntold},
		{Info: Info{
			ID: "personal-data-untold", Title: "tells nothing of buyers but in orders", Sandbox: true,
			Proves: "Names, in small letters and in other scripts too, streets, mail addresses and phones stand in no error, no result and no log line, also when an answer that holds them breaks or a well-formed refusal quotes them.",
		}, run: personalDataUntold},
	}
}

// tokenLike is what a token can look like in an answer.
var tokenLike = regexp.MustCompile(`[A-Za-z0-9_.+/=-]{20,}`)

// secretsOf returns the secrets of a shop in every form in which they can appear, by what they are: its credentials, and what
// looks like a token in the answers that came to requests with a credential in them.
func (s *suite) secretsOf(sh *shop, door *gate) map[string]string {
	out := map[string]string{}
	var plain []string
	for _, key := range s.secretFields() {
		value := sh.store.GetCredentials()[key]
		plain = append(plain, value)
		out["the "+key] = value
		out["the "+key+", percent-encoded"] = url.QueryEscape(value)
		for _, f := range s.description.GetCredentialFields() {
			pair := sh.store.GetCredentials()[f.GetKey()] + ":" + value
			out["the "+key+" as Basic credentials with "+f.GetKey()] = base64.StdEncoding.EncodeToString([]byte(pair))
			plain = append(plain, base64.StdEncoding.EncodeToString([]byte(pair)))
		}
	}
	for _, x := range door.seen(0) {
		asked := string(x.request) + "\n" + strings.Join(x.header.Values("Authorization"), "\n")
		login := false
		for _, p := range plain {
			login = login || strings.Contains(asked, p) || strings.Contains(asked, url.QueryEscape(p))
		}
		if !login {
			continue
		}
		for i, token := range tokenLike.FindAllString(string(x.body), -1) {
			if !strings.Contains(token, "//") { // an address
				out[fmt.Sprintf("a token (%d)", i)] = token
			}
		}
	}
	return out
}

func secretsUntold(ctx context.Context, s *subject) error {
	d, err := s.newDesk(ctx)
	if err != nil {
		return err
	}
	door, err := newGate(ctx, s.sandbox.Base(), func(int) bool { return false })
	if err != nil {
		return err
	}
	defer door.close()
	items, err := d.items(ctx, stateReady, 1)
	if err != nil {
		return err
	}
	for _, key := range s.secretFields() {
		// Words are what careless filters let through.
		if err := s.setSecret(ctx, d.shop, key, letters(s.name("secret"))); err != nil && !control.Refused(err) {
			return err
		}
	}
	fresh, err := s.start(ctx)
	if err != nil {
		return err
	}
	at := *d
	at.process = fresh
	_, state, err := fresh.account(ctx, door.store(d.shop.store))
	if err != nil {
		return failed("CheckConnection", err)
	}
	store := door.store(d.shop.context(state))
	canaries := s.secretsOf(d.shop, door)
	q := question{window: anyWindow(), numbers: []string{items[0].number}, eans: []string{"3760000000017"}}
	said := &sayings{}
	if err := at.suffer(ctx, said, store, q, items[0], canaries); err != nil {
		return err
	}
	if err := d.sufferLogins(ctx, said); err != nil {
		return err
	}
	// Wrong credentials are secrets of somebody else.
	for i, key := range s.secretFields() {
		bad := door.store(d.shop.context(nil))
		bad.Credentials[key] = "mistyped-canary-" + bad.GetCredentials()[key]
		canaries[fmt.Sprintf("a mistyped credential (%d)", i)] = "mistyped-canary"
		_, _, err := fresh.account(ctx, bad)
		said.error(err)
	}
	// Neither does what is no credential at all.
	bad := door.store(d.shop.context([]byte("state-canary-0123456789")))
	canaries["the state"] = "state-canary-0123456789"
	_, _, err = fresh.account(ctx, bad)
	said.error(err)
	return said.betray(s.logs.String(), canaries)
}

// letters turns a name into another one of small letters only.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return 'p' + r - '0'
		case r >= 'a' && r <= 'z':
			return r
		}
		return 'o'
	}, name)
}

func personalDataUntold(ctx context.Context, s *subject) error {
	d, err := s.newDesk(ctx)
	if err != nil {
		return err
	}
	payer := person("B")
	payer["first_name"], payer["last_name"], payer["street"] = "quuxandre", "Каналейкин", "quai xyzzyque"
	number, err := d.shop.order(ctx, control.OrderSpec{
		"variety": varietyPlain, "state": stateReady, "addresses": "full", "ship_to": person("S"), "bill_to": payer,
		"customer": map[string]any{
			"id": "00112233445566778899aabbccddeeff", "civility": "MR", "first_name": "カナリア", "last_name": "QuuxbergC",
			"relay_mail": "canary-quux@relay.example", "phone": "+33561020304", "mobile_phone": "+33661020304",
		},
	})
	if err != nil {
		return err
	}
	o, err := d.one(ctx, d.store, number)
	if err != nil {
		return err
	}
	canaries := map[string]string{
		"the receiver's name": "QuuxbergS", "the receiver's first name": "CanarinoS", "the receiver's street": "XyzzyS",
		"the payer's name, in Cyrillic": "Каналейкин", "the payer's first name, in small letters": "quuxandre", "the payer's street": "xyzzyque",
		"the buyer's name": "QuuxbergC", "the buyer's first name, in Katakana": "カナリア", "the buyer's mail address": "canary-quux@relay.example",
		"the buyer's phone": "561020304", "the buyer's mobile phone": "661020304",
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	q := question{
		window: window{since: now.Add(-dayLong), until: now.Add(dayLong)}, numbers: []string{number}, eans: []string{"3760000000017"},
	}
	said := &sayings{}
	if err := d.suffer(ctx, said, d.store, q, d.itemOf(number, o), canaries); err != nil {
		return err
	}
	// What is not known is noticed, and told without the order around it.
	if err := s.sandbox.PatchOrder(ctx, number, map[string]any{"state": "Quarantined2031", "delivery": "ZZZ"}); err != nil {
		return err
	}
	for _, r := range s.reads() {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		_, err := r.call(call, d.process, d.store, q)
		cancel()
		said.error(err)
	}
	return said.betray(s.logs.String(), canaries)
}
