package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// How long a call may take whose answer is hostile, when the caller gives it more, and how much memory the process may take.
const (
	hostilePatience = 10 * time.Second
	hostileMemory   = 512 << 20
)

// hostileKind is a way in which an answer can be made to harm its reader.
type hostileKind struct{ id, code, title, what string }

func hostileKinds() []hostileKind {
	return []hostileKind{
		{"nesting", "deep", "bears deep nesting", "100,000 levels of nesting"},
		{"bomb", "bomb", "bears answers that swell", "entities or numbers that are small to send and huge to hold"},
		{"huge-field", "huge_field", "bears huge fields", "one text of 64 MiB"},
		{"wrong-types", "wrong_types", "bears wrong types", "objects where texts are expected, and the like"},
		{"endless", "endless", "bears answers without end", "a body that does not end"},
		{"duplicates", "duplicate_keys", "bears what is said twice", "every member twice, with another value"},
	}
}

func hostileChecks() []check {
	var out []check
	for _, h := range hostileKinds() {
		out = append(out, check{
			Info: Info{
				ID: "hostile-" + h.id, Title: h.title, Sandbox: true,
				Proves: "To an answer of " + h.what + " every read ends in an error (or is true), every write tells the truth, within 10 s and 512 MiB; the process lives on.",
			},
			run: func(ctx context.Context, s *subject) error { return s.hostile(ctx, h) },
		})
	}
	return out
}

// hostile makes every call while the marketplace answers with what is meant to harm.
func (s *subject) hostile(ctx context.Context, h hostileKind) error {
	d, err := s.newDesk(ctx)
	if err != nil {
		return err
	}
	sh, q, err := s.sample(ctx)
	if err != nil {
		return err
	}
	_, state, err := d.account(ctx, sh.store)
	if err != nil {
		return failed("CheckConnection", err)
	}
	sh.store.State = state
	truth, err := s.truths(ctx, d.process, sh, q)
	if err != nil {
		return err
	}
	var f findings
	fault := control.Fault{Kind: "hostile", Params: map[string]any{"code": h.code}}
	for _, r := range s.reads() {
		answer, took, err := sh.during(ctx, d.process, r, q, fault, hostilePatience)
		what := r.name + " with " + h.what
		if gone := d.Err(); gone != nil {
			f.addf("%s ended the process: %v", what, gone)
			return f.err()
		}
		if err := quick(what, took); err != nil {
			f.add(err) // the other calls would take as long
			return f.err()
		}
		f.add(trueOrFailed(what, truth[r.name], answer, err))
	}
	fault.Params["apply"] = true
	for _, w := range s.writes() {
		items, err := d.items(ctx, w.ready, 1)
		if err != nil {
			return err
		}
		what := w.name + " with " + h.what
		begin := time.Now()
		result, _, done, err := d.under(ctx, w, items[0], fault)
		f.add(quick(what, time.Since(begin)))
		if err != nil {
			f.add(failed(what+": the call failed, which says that nothing was sent", err))
			continue
		}
		f.add(truthful(what, result, done > 0))
	}
	f.add(s.alive(ctx, d.process))
	if peak, ok := peakMemory(d.PID()); ok && peak > hostileMemory {
		f.addf("the process took %d MiB", peak>>20)
	}
	return f.err()
}

// quick says what is wrong with a call that used up all the time it had.
func quick(what string, took time.Duration) error {
	if took > hostilePatience-time.Second {
		return fmt.Errorf("%s: no end after %s", what, took.Round(time.Second))
	}
	return nil
}

// alive says what is wrong when a process does not answer any more.
func (s *suite) alive(ctx context.Context, p *process) error {
	call, cancel := context.WithTimeout(ctx, describePatience)
	defer cancel()
	if _, err := p.Describe(call, &adapterv1.DescribeRequest{}); err != nil {
		return failed("Describe afterwards", err)
	}
	return nil
}
