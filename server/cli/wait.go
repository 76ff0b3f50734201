package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// maxFailures is how many passing failures in a row end a wait: enough to outlast a restart of the server.
const maxFailures = 8

// waiting is what the flags of a command that waits for a job say.
type waiting struct {
	timeout  time.Duration // zero means for ever
	progress progressMode
}

func (w *waiting) register(cmd *cobra.Command, timeout time.Duration) {
	w.progress = progressAuto
	cmd.Flags().DurationVar(&w.timeout, "wait-timeout", timeout, "how long to wait at most; 0 means until the end")
	cmd.Flags().Var(&w.progress, "progress", "how progress is shown on standard error; auto means a bar on a terminal")
	complete(cmd, "progress", progressModes()...)
}

// begin bounds a wait.
func (w *waiting) begin(ctx context.Context) (bounded context.Context, cancel context.CancelFunc) {
	if w.timeout > 0 {
		return context.WithTimeout(ctx, w.timeout)
	}
	return context.WithCancel(ctx)
}

// cutShort explains an error of a wait: the user's interrupt, the end of --wait-timeout, or what failed. look is the
// command that shows the job later.
func (w *waiting) cutShort(ctx, bounded context.Context, err error, what, look string) error {
	switch {
	case ctx.Err() != nil:
		return &hintError{fmt.Errorf("stopped waiting for the %s: %w", what, ctx.Err()),
			"the " + what + " goes on; see it with " + look}
	case bounded.Err() != nil:
		return &hintError{&stillOpenError{fmt.Sprintf("the %s had not ended after %s (--wait-timeout)", what, w.timeout)},
			"the " + what + " goes on; see it with " + look}
	}
	return err
}

// passing reports whether trying again may help.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Aborted:
		return true
	}
	return false
}

// pace spaces repeated calls: each pause is half as long again as the one before, up to ten times the first.
type pace struct{ next, longest time.Duration }

func (a *app) newPace() *pace { return &pace{next: a.PollInterval, longest: 10 * a.PollInterval} }

// pause waits for the next turn, or returns the error of ctx.
func (p *pace) pause(ctx context.Context) error {
	timer := time.NewTimer(p.next)
	defer timer.Stop()
	p.next = min(p.next+p.next/2, p.longest)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// followImport shows an import until it has ended, prints it, and fails when it did not succeed.
func (a *app) followImport(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string, w waiting) error {
	bounded, cancel := w.begin(ctx)
	defer cancel()
	view := a.newProgressView(w.progress)
	run, err := a.watchImport(bounded, api, name, view)
	view.close()
	if err != nil {
		return w.cutShort(ctx, bounded, err, "import", "relais import get "+name)
	}
	if err := a.printImport(run); err != nil {
		return err
	}
	if state := run.GetState(); state != marketplacev1.Import_STATE_SUCCEEDED {
		failure := run.GetFailure()
		return &outcomeError{joined(": ", "the import ended "+word(state), failure.GetReason(), failure.GetMessage())}
	}
	return nil
}

// watchImport returns the import when it has ended. A watch that breaks is opened again: the server may be restarting,
// and then tells that the run is INTERRUPTED.
func (a *app) watchImport(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string, view progressView) (*marketplacev1.Import, error) {
	pace, failures := a.newPace(), 0
	for {
		seen, run, err := watchOnce(ctx, api, name, view)
		if err == nil && importEnded(run) {
			return run, nil
		}
		if seen {
			pace, failures = a.newPace(), 0
		}
		if err != nil && !passing(err) {
			return nil, err
		}
		failures++
		if failures > maxFailures {
			if err == nil {
				err = errors.New("the server ended the watch before the import ended")
			}
			return nil, err
		}
		if err := pace.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// watchOnce reads one watch to its end and returns the last import that it sent, and whether it sent any.
func watchOnce(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string, view progressView) (seen bool, last *marketplacev1.Import, err error) {
	ctx, cancel := context.WithCancel(ctx) // releases the stream on every way out
	defer cancel()
	stream, err := api.WatchImport(ctx, &marketplacev1.WatchImportRequest{Name: name})
	if err != nil {
		return false, nil, err
	}
	for {
		run, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return seen, last, nil
		case err != nil:
			return seen, last, err
		}
		seen, last = true, run
		view.show(run)
		if importEnded(run) {
			return seen, last, nil
		}
	}
}

// importEnded reports whether an import is in a final state. A state of a newer server is not taken for final.
func importEnded(i *marketplacev1.Import) bool {
	switch i.GetState() {
	case marketplacev1.Import_STATE_SUCCEEDED, marketplacev1.Import_STATE_FAILED, marketplacev1.Import_STATE_INTERRUPTED:
		return true
	}
	return false
}

// followShipment shows the steps of a shipment until it has ended, prints it, and fails when it is not CONFIRMED.
func (a *app) followShipment(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string, w waiting) error {
	bounded, cancel := w.begin(ctx)
	defer cancel()
	noted, held := 0, ""
	shipment, err := poll(bounded, a, func(ctx context.Context) (*marketplacev1.Shipment, error) {
		return api.GetShipment(ctx, &marketplacev1.GetShipmentRequest{Name: name})
	}, func(s *marketplacev1.Shipment) bool {
		events := s.GetEvents()
		for ; noted < len(events) && w.progress != progressNone; noted++ {
			e := events[noted]
			a.note("%s", clean(joined("  ", a.at(e.GetTime()), word(e.GetState()), e.GetMessage())))
		}
		if w.progress != progressNone {
			held = a.noteHeld(s, held)
		}
		return shipmentEnded(s)
	})
	if err != nil {
		return w.cutShort(ctx, bounded, err, "shipment", "relais shipment get "+name)
	}
	if err := a.printShipment(shipment, timeline); err != nil {
		return err
	}
	if state := shipment.GetState(); state != marketplacev1.Shipment_STATE_CONFIRMED {
		return &outcomeError{joined(": ", "the shipment ended "+word(state), shipment.GetReason(), shipment.GetMessage())}
	}
	return nil
}

// poll reads something until ended says that it has ended. Passing failures in a row are outlasted up to a bound.
func poll[T any](ctx context.Context, a *app, read func(context.Context) (T, error), ended func(T) bool) (T, error) {
	pace, failures := a.newPace(), 0
	var none T
	for {
		seen, err := read(ctx)
		switch {
		case err == nil:
			failures = 0
			if ended(seen) {
				return seen, nil
			}
		case !passing(err):
			return none, err
		default:
			failures++
			if failures > maxFailures {
				return none, err
			}
		}
		if err := pace.pause(ctx); err != nil {
			return none, err
		}
	}
}

// shipmentEnded reports whether relais has nothing more to do for a shipment. A state of a newer server is not final.
func shipmentEnded(s *marketplacev1.Shipment) bool {
	switch s.GetState() {
	case marketplacev1.Shipment_STATE_CONFIRMED, marketplacev1.Shipment_STATE_REJECTED,
		marketplacev1.Shipment_STATE_NEEDS_ATTENTION, marketplacev1.Shipment_STATE_SUPERSEDED,
		marketplacev1.Shipment_STATE_CANCELLED:
		return true
	}
	return false
}
