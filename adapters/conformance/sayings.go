package conformance

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

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

// betray says which of the canaries stand in what was said, or in the log, whole or in part.
func (s *sayings) betray(log string, canaries map[string]string) error {
	var f findings
	said := strings.Join(s.texts, "\n")
	for _, what := range slices.Sorted(maps.Keys(canaries)) {
		for place, text := range map[string]string{"an error or a result": said, "the log": log} {
			if slices.ContainsFunc(pieces(canaries[what]), func(piece string) bool { return strings.Contains(text, piece) }) {
				f.addf("%s holds %s", place, what)
			}
		}
	}
	return f.err()
}

// pieces cuts a long secret: whoever bounds what it quotes tells a part of it.
func pieces(canary string) []string {
	const size = 24
	if len(canary) <= size {
		return []string{canary}
	}
	var out []string
	for ; len(canary) >= size; canary = canary[size:] {
		out = append(out, canary[:size])
	}
	return out
}

// trouble are the ways to fail in which careless code quotes what it got. In a refusal each canary stands alone as well: adapters
// bound what they quote.
func trouble(canaries map[string]string) []control.Fault {
	var echo strings.Builder
	for _, what := range slices.Sorted(maps.Keys(canaries)) {
		echo.WriteString(canaries[what] + " ")
	}
	all := echo.String()
	body := func(text string, status int) map[string]any {
		params := map[string]any{"body": text}
		if status != 0 {
			params["status"] = status
		}
		return params
	}
	page := "<html><body>" + all + "</body></html>"
	faults := []control.Fault{
		{Kind: "html", Params: body(page, 200)}, {Kind: "html", Params: body(page, 400)}, {Kind: "html", Params: body(page, 403)},
		{Kind: "http_500", Params: body(all, 0)}, {Kind: "http_503", Params: body(all, 0)}, {Kind: "malformed", Params: body(all, 0)},
		{Kind: "truncated", Params: map[string]any{"fraction": 0.7}}, {Kind: "cut_mid", Params: map[string]any{"fraction": 0.8}},
		{Kind: "hostile", Params: map[string]any{"code": "wrong_types"}}, {Kind: "cut_after"}, {Kind: "throttle", Params: body(all, 0)},
	}
	for _, what := range slices.Sorted(maps.Keys(canaries)) {
		for _, status := range []int{http.StatusBadRequest, http.StatusInternalServerError} {
			faults = append(faults, refusal(canaries[what], status))
		}
	}
	for _, status := range []int{
		http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
	} {
		faults = append(faults, refusal(all, status))
	}
	// Those about tokens come last: an adapter may remember what they say of its credentials.
	return append(faults, control.Fault{Kind: "token_expired", Times: 1}, refusal(all, http.StatusUnauthorized))
}

// refusal is a well-formed answer that says no and quotes a text.
func refusal(quoted string, status int) control.Fault {
	return control.Fault{Kind: "refusal", Params: map[string]any{"text": "the request of " + quoted + " is refused", "status": status}}
}

// suffer makes every call under every trouble, and keeps what the adapter says.
func (d *desk) suffer(
	ctx context.Context, said *sayings, store *adapterv1.StoreContext, q question, ship item, canaries map[string]string,
) error {
	for _, fault := range trouble(canaries) {
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

// sufferLogins lets the token service quote each secret in a refusal to a process without a token, and keeps what the adapter says.
// Where the sandbox knows no token service there is nothing to suffer.
func (d *desk) sufferLogins(ctx context.Context, said *sayings) error {
	for _, key := range d.secretFields() {
		for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusInternalServerError} {
			fault := refusal(d.shop.store.GetCredentials()[key], status)
			fault.On = "token"
			_, remove, err := d.shop.fault(ctx, fault)
			if control.Refused(err) {
				return nil
			} else if err != nil {
				return err
			}
			p, err := d.start(ctx)
			if err != nil {
				return err
			}
			_, _, err = p.account(ctx, d.shop.context(nil))
			said.error(err)
			if err := remove(); err != nil {
				return err
			}
		}
	}
	return nil
}
