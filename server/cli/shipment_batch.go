package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

const (
	// maxBatch is how many shipments the server takes in one call.
	maxBatch = 1000
	// maxBatchBytes keeps a call, and the answer that repeats it, far below what either side takes (16 MiB), and below what older servers
	// took (4 MiB).
	maxBatchBytes = 3 << 20
)

func (a *app) shipmentNotifyAll() *cobra.Command {
	var how treatment
	cmd := &cobra.Command{
		Use:   "notify-all STORE FILE",
		Short: "Say that many orders left, from a file",
		Long: `Notify-all reads shipments from a file, or from standard input when FILE is "-", and stores each as relais shipment
notify does. One that is refused stops no other. It prints a line for each; the exit code is 6 when one was refused, or
was stated before and ended REJECTED, NEEDS_ATTENTION, SUPERSEDED or CANCELLED: nothing more is sent of that by itself.

The file is CSV with a header, separated by commas, semicolons or tabs, or JSON lines with the same names. The columns
order, carrier and tracking_number are required; tracking_url, service, carrier_fee, ship_time, request_id and replaces
may be there too, in any order. The whole file is read before anything is sent. Running the command again is safe: what
was stored is found again.

With --validate-only nothing is stored: each line is checked as if the valid ones before it were, so a file that repeats
an order or a request_id shows it.`,
		Example: `  relais shipment notify-all my-store shipments.csv
  relais shipment notify-all my-store shipments.csv --validate-only
  ./export-shipments | relais shipment notify-all my-store - --output json`,
		Args: operands(2, 2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveDefault // a file
			}
			return a.completeStores(cmd, args, begun)
		},
	}
	how.register(cmd)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		store, err := storeName(args[0])
		if err != nil {
			return err
		}
		rows, err := a.readFile(args[1])
		if err != nil {
			return err
		}
		requests := make([]*marketplacev1.NotifyShipmentRequest, len(rows))
		for i, row := range rows {
			if requests[i], err = a.statement(store, row, how); err != nil {
				return err
			}
		}
		return a.notifyAll(ctx, api, store, rows, requests, how.validateOnly)
	})
	return cmd
}

// readFile reads the statements of a file; "-" is standard input.
func (a *app) readFile(path string) ([]fileRow, error) {
	in := io.Reader(a.lines)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, usagef("the file cannot be read: %v", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	rows, err := readRows(in)
	if errors.Is(err, syscall.EISDIR) {
		return nil, usagef("the file cannot be read: %s is a directory", path)
	}
	if usage := (*usageError)(nil); err != nil && !errors.As(err, &usage) {
		return nil, fmt.Errorf("read shipments: %w", err)
	}
	if err == nil && len(rows) == 0 {
		return nil, usagef("the file holds no shipment")
	}
	return rows, err
}

// notifyAll states requests in batches and prints what becomes of each, a batch at a time.
func (a *app) notifyAll(
	ctx context.Context, api marketplacev1.MarketplaceServiceClient, store string, rows []fileRow, requests []*marketplacev1.NotifyShipmentRequest, checkOnly bool,
) error {
	done, checked := &marketplacev1.BatchNotifyShipmentsResponse{}, newCheckedLines()
	lines := a.newResultLines(rows, len(nextBatch(requests)) < len(requests), checkOnly)
	for len(done.GetResults()) < len(requests) {
		first := len(done.GetResults())
		batch := nextBatch(requests[first:])
		answer, err := api.BatchNotifyShipments(ctx, &marketplacev1.BatchNotifyShipmentsRequest{Parent: store, Requests: batch})
		if err == nil && len(answer.GetResults()) != len(batch) {
			err = fmt.Errorf("the server answered %d of %d shipments", len(answer.GetResults()), len(batch))
		}
		if err != nil {
			err = &hintError{err, fmt.Sprintf("%d of %d shipments were looked at; run the command again, what was stored is found again", first, len(requests))}
			return errors.Join(err, a.printBatch(done))
		}
		if checkOnly {
			for i, r := range answer.GetResults() {
				checked.add(rows[first+i], batch[i], r)
			}
		}
		done.Results = append(done.Results, answer.GetResults()...)
		if a.output == outputTable {
			if err := lines.print(rows[first:], answer.GetResults()); err != nil {
				return err
			}
		}
	}
	if err := a.printBatch(done); err != nil {
		return err
	}
	return a.summarise(done, checkOnly)
}

// nextBatch is as many requests, from the first on, as one call takes.
func nextBatch(requests []*marketplacev1.NotifyShipmentRequest) []*marketplacev1.NotifyShipmentRequest {
	size := 0
	for i, r := range requests[:min(len(requests), maxBatch)] {
		if size += proto.Size(r); i > 0 && size > maxBatchBytes {
			return requests[:i]
		}
	}
	return requests[:min(len(requests), maxBatch)]
}

// printBatch prints everything as one JSON document; a table is printed batch by batch.
func (a *app) printBatch(all *marketplacev1.BatchNotifyShipmentsResponse) error {
	if a.output == outputTable {
		return nil
	}
	return a.print(all, nil)
}

// failureWord names an error in a word.
func failureWord(e *marketplacev1.ItemError) string {
	return orElse(e.GetReason(), codeWord(codes.Code(e.GetCode())))
}

// failureMessage tells an error in a sentence, with what the metadata adds and when to try again.
func failureMessage(e *marketplacev1.ItemError) string {
	message := strings.TrimSuffix(e.GetMessage(), ".")
	for _, key := range slices.Sorted(maps.Keys(e.GetMetadata())) {
		if value := e.GetMetadata()[key]; !strings.Contains(message, shortName(value)) { // else the sentence tells it
			message += "; " + strings.ReplaceAll(key, "_", " ") + ": " + value
		}
	}
	if after := e.GetRetryDelay().AsDuration(); after > 0 {
		message += "; retry in " + roundUp(after).String()
	}
	return message
}

// tally counts words.
type tally map[string]int

// total is how many words were counted.
func (t tally) total() int {
	n := 0
	for _, of := range t {
		n += of
	}
	return n
}

// String lists the words, each with its count.
func (t tally) String() string {
	var parts []string
	for _, word := range slices.Sorted(maps.Keys(t)) {
		parts = append(parts, fmt.Sprintf("%d %s", t[word], word))
	}
	return strings.Join(parts, ", ")
}

// summarise tells how many shipments went through, and fails when one did not: it was refused, or it was stated before and nothing
// will come of it.
func (a *app) summarise(all *marketplacev1.BatchNotifyShipmentsResponse, checkOnly bool) error {
	failed, dead := tally{}, tally{}
	for _, r := range all.GetResults() {
		if e := r.GetError(); e != nil {
			failed[failureWord(e)]++
		} else if s := r.GetShipment(); shipmentEnded(s) && s.GetState() != marketplacev1.Shipment_STATE_CONFIRMED {
			dead[word(s.GetState())]++
		}
	}
	total := len(all.GetResults())
	outcome := "are stored"
	if checkOnly {
		outcome = "are valid; nothing was stored, nothing was sent"
	}
	a.note("%d of %d shipments %s", total-failed.total()-dead.total(), total, outcome)
	var bad []string
	if n := failed.total(); n > 0 {
		bad = append(bad, fmt.Sprintf("%d of %d shipments failed: %s", n, total, failed))
	}
	if n := dead.total(); n > 0 {
		bad = append(bad, fmt.Sprintf("%d of %d shipments ended badly before: %s", n, total, dead))
	}
	switch {
	case len(bad) == 0:
		return nil
	case len(dead) > 0:
		return &hintError{&outcomeError{strings.Join(bad, "; ")}, "relais shipment get shows why one ended, relais shipment retry takes it up again"}
	}
	return &outcomeError{bad[0]}
}
