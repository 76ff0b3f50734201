package conformance

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func secretChecks() []check {
	return []check{
		{Info: Info{
			ID: "secrets-untold", Title: "tells no secret", Sandbox: true,
			Proves: "Credentials and tokens stand in no error, no result and no log line, whatever goes wrong, also when the marketplace echoes them.",
		}, run: secretsUntold},
		{Info: Info{
			ID: "personal-data-untold", Title: "tells nothing of buyers but in orders", Sandbox: true,
			Proves: "Names, streets, mail addresses and phones stand in no error, no result and no log line, also when an answer that holds them breaks.",
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

// sayings collects what an adapter says outside of its answers.
type sayings struct{ texts []string }

// error keeps everything of an error.
func (s *sayings) error(err error) {
	if err == nil {
		return
	}
	st := status.Convert(err)
	s.texts = append(s.texts, st.Message(), prototext.Format(st.Proto()))
	for _, detail := range st.Details() {
		s.texts = append(s.texts, fmt.Sprint(detail))
	}
}

// results keeps what results say.
func (s *sayings) results(list []*adapterv1.WriteResult) {
	for _, r := range list {
		s.texts = append(s.texts, r.GetMessage(), r.GetNativeReason())
	}
}

// betray says which of the canaries stand in what was said, or in the log.
func (s *sayings) betray(log string, canaries map[string]string) error {
	var f findings
	said := strings.Join(s.texts, "\n")
	for what, canary := range canaries {
		if strings.Contains(said, canary) {
			f.addf("an error or a result holds %s", what)
		}
		if strings.Contains(log, canary) {
			f.addf("the log holds %s", what)
		}
	}
	return f.err()
}

// trouble are the ways to fail in which careless code quotes what it got.
func trouble(echo string) []control.Fault {
	body := func(text string, status int) map[string]any {
		params := map[string]any{"body": text}
		if status != 0 {
			params["status"] = status
		}
		return params
	}
	return []control.Fault{
		{Kind: "html", Params: body("<html><body>"+echo+"</body></html>", 200)},
		{Kind: "html", Params: body("<html><body>"+echo+"</body></html>", 400)},
		{Kind: "html", Params: body("<html><body>"+echo+"</body></html>", 403)},
		{Kind: "http_500", Params: body(echo, 0)}, {Kind: "http_503", Params: body(echo, 0)}, {Kind: "malformed", Params: body(echo, 0)},
		{Kind: "truncated", Params: map[string]any{"fraction": 0.7}}, {Kind: "cut_mid", Params: map[string]any{"fraction": 0.8}},
		{Kind: "hostile", Params: map[string]any{"code": "wrong_types"}}, {Kind: "cut_after"}, {Kind: "throttle"}, {Kind: "token_expired", Times: 1},
	}
}

// suffer makes every call under every trouble, and keeps what the adapter says.
func (d *desk) suffer(ctx context.Context, said *sayings, store *adapterv1.StoreContext, q question, ship item, echo string) error {
	for _, fault := range trouble(echo) {
		fault.On = control.Any
		_, remove, err := d.shop.fault(ctx, fault)
		if err != nil {
			return err
		}
		for _, r := range d.reads() {
			call, cancel := context.WithTimeout(ctx, callTimeout)
			_, err := r.call(call, d.process, store, q)
			cancel()
			said.error(err)
		}
		for _, w := range d.writes() {
			call, cancel := context.WithTimeout(ctx, callTimeout)
			results, err := w.call(call, d.process, store, []item{ship})
			cancel()
			said.error(err)
			said.results(results)
		}
		if err := remove(); err != nil {
			return err
		}
	}
	return nil
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
	var echo strings.Builder
	for _, secret := range canaries {
		echo.WriteString(secret + " ")
	}
	q := question{window: anyWindow(), numbers: []string{items[0].number}, eans: []string{"3760000000017"}}
	said := &sayings{}
	if err := at.suffer(ctx, said, store, q, items[0], echo.String()); err != nil {
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

func personalDataUntold(ctx context.Context, s *subject) error {
	d, err := s.newDesk(ctx)
	if err != nil {
		return err
	}
	number, err := d.shop.order(ctx, control.OrderSpec{
		"variety": varietyPlain, "state": stateReady, "addresses": "full", "ship_to": person("S"), "bill_to": person("B"),
		"customer": map[string]any{
			"id": "00112233445566778899aabbccddeeff", "civility": "MR", "first_name": "CanarinoC", "last_name": "QuuxbergC",
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
		"the receiver's name": "QuuxbergS", "the receiver's first name": "CanarinoS", "the receiver's street": "rue XyzzyS",
		"the payer's name": "QuuxbergB", "the buyer's name": "QuuxbergC", "the buyer's mail address": "canary-quux@relay.example",
		"the buyer's phone": "561020304", "the buyer's mobile phone": "661020304",
	}
	var echo strings.Builder
	for _, canary := range canaries {
		echo.WriteString(`"` + canary + `" `)
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	q := question{
		window: window{since: now.Add(-dayLong), until: now.Add(dayLong)}, numbers: []string{number}, eans: []string{"3760000000017"},
	}
	said := &sayings{}
	if err := d.suffer(ctx, said, d.store, q, d.itemOf(number, o), echo.String()); err != nil {
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
