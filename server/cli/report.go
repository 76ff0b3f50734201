package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errorDomain is the domain of the ErrorInfo details that relais makes (design section 4).
const errorDomain = "relais"

// report tells a person what failed: the sentence with its reason, the details that the server gave, what to do.
func report(w io.Writer, cmd *cobra.Command, err error) {
	head := []string{headline(err)}
	if remoteStatus(err) == nil { // several errors have a line each; what a marketplace says may have line breaks
		head = strings.Split(head[0], "\n")
	}
	fmt.Fprintf(w, "relais: %s\n", clean(head[0]))
	for _, line := range head[1:] {
		fmt.Fprintf(w, "  %s\n", clean(line))
	}
	for _, line := range detailLines(cmd, err) {
		fmt.Fprintf(w, "  %s\n", clean(line))
	}
	var usage *usageError
	if errors.As(err, &usage) && cmd != nil {
		fmt.Fprintf(w, "  see %s --help\n", cmd.CommandPath())
	}
	var hint *hintError
	if errors.As(err, &hint) {
		fmt.Fprintf(w, "  %s\n", clean(hint.hint))
	}
}

// headline is the first line of a report.
func headline(err error) string {
	var (
		usage   *usageError
		away    *unreachableError
		tooLate *noAnswerError
		door    *wrongDoorError
	)
	s := remoteStatus(err)
	switch {
	case errors.As(err, &usage), errors.As(err, &away), errors.As(err, &tooLate), errors.As(err, &door):
		return err.Error()
	case errors.Is(err, context.Canceled), s != nil && s.Code() == codes.Canceled:
		return "interrupted"
	case s == nil:
		return err.Error()
	}
	reason := codeWord(s.Code())
	if info := detail[*errdetails.ErrorInfo](s); info != nil && info.GetReason() != "" {
		reason = info.GetReason()
	}
	return fmt.Sprintf("%s (%s)", strings.TrimSuffix(s.Message(), "."), reason)
}

// detailLines are the google.rpc details of an error, one line each: wrong fields, metadata, when to try again.
func detailLines(cmd *cobra.Command, err error) []string {
	s := remoteStatus(err)
	if s == nil {
		return nil
	}
	var lines []string
	if bad := detail[*errdetails.BadRequest](s); bad != nil {
		for _, v := range bad.GetFieldViolations() {
			line := v.GetField() + ": " + v.GetDescription()
			if line != s.Message() && v.GetDescription() != s.Message() { // a single wrong field is the sentence itself
				lines = append(lines, line)
			}
		}
	}
	if info := detail[*errdetails.ErrorInfo](s); info != nil && info.GetDomain() == errorDomain {
		metadata := info.GetMetadata()
		for _, key := range slices.Sorted(maps.Keys(metadata)) {
			if value := metadata[key]; !strings.Contains(s.Message(), value) { // else the sentence tells it
				lines = append(lines, strings.ReplaceAll(key, "_", " ")+": "+value)
			}
		}
	}
	if retry := detail[*errdetails.RetryInfo](s); retry != nil {
		if after := retry.GetRetryDelay().AsDuration(); after > 0 {
			lines = append(lines, "retry in "+roundUp(after).String())
		}
	}
	if info := detail[*errdetails.ErrorInfo](s); info != nil && nextCommand[info.GetReason()] != "" {
		lines = append(lines, nextStep(cmd, info))
	}
	return lines
}

// nextStep is the command that helps after an error of cmd.
func nextStep(cmd *cobra.Command, info *errdetails.ErrorInfo) string {
	step := nextCommand[info.GetReason()]
	if info.GetReason() == "MARKETPLACE_CREDENTIALS_REJECTED" && cmd != nil && cmd.Flags().Lookup(credentialFlag) != nil {
		return "nothing was stored; run the command again with credentials that the marketplace takes"
	}
	if adapter := info.GetMetadata()["adapter"]; info.GetReason() == carrierUnknown && adapter != "" {
		// A store that moves has two lists of carriers: the order's adapter says which one counts.
		step = strings.Replace(step, " STORE", " STORE --adapter "+adapter, 1)
	}
	return step
}

// carrierUnknown is the reason of a carrier that is not in the list of the order's adapter.
const carrierUnknown = "CARRIER_UNKNOWN"

// nextCommand is what helps after the common errors, by their reason. The server's sentences name methods of the API.
var nextCommand = map[string]string{
	"STORE_NOT_FOUND":                  "relais store list shows the stores",
	"ORDER_NOT_FOUND":                  "relais order import STORE reads new orders, relais order list STORE shows them",
	"IMPORT_NOT_FOUND":                 "relais import list STORE shows the imports",
	"SHIPMENT_NOT_FOUND":               "relais shipment list STORE shows the shipments",
	"ADAPTER_NOT_FOUND":                "relais adapter list shows the adapters",
	carrierUnknown:                     "relais carrier list STORE shows the carriers",
	"CARRIER_NOT_FOR_PICKUP_POINT":     "--force ships all the same",
	"CANCEL_REQUESTED":                 "--force ships all the same",
	"SHIPMENT_ALREADY_OPEN":            "relais shipment notify --replaces SHIPMENT corrects it",
	"STORE_PAUSED":                     "relais store resume STORE ends the pause",
	"STORE_DISCONNECTED":               "relais store connect connects the account again",
	"SHIPMENTS_OPEN":                   "relais shipment list STORE --state queued,sending,acknowledged shows them; --force disconnects all the same",
	"MARKETPLACE_CREDENTIALS_REJECTED": "relais store rotate-credentials STORE gives a connected store others",
	"MIGRATION_NOT_FOUND":              "relais store migrate STORE --to ADAPTER moves a store",
	"MIGRATION_UNDER_WAY":              "relais store migration STORE shows the move, relais store undo-migration STORE takes it back",
	"MIGRATION_COMPLETE":               "relais store migrate STORE --to ADAPTER moves it again, with credentials for that adapter",
	"MARKETPLACE_MISMATCH":             "relais adapter list shows the marketplace of each adapter",
	"ADAPTER_UNCHANGED":                "relais store rotate-credentials STORE gives it other credentials",
	"CREDENTIALS_UNREADABLE":           "relais store rotate-credentials STORE gives the store new ones",
}

// remoteStatus is the status that the server sent, unchanged; nil when err did not come from a call. status.FromError is
// not used because it puts the text of wrapping errors into the message.
func remoteStatus(err error) *status.Status {
	var remote interface{ GRPCStatus() *status.Status }
	if errors.As(err, &remote) {
		return remote.GRPCStatus()
	}
	return nil
}

// reasonOf is the ErrorInfo reason that the server gave; empty when it gave none.
func reasonOf(err error) string {
	s := remoteStatus(err)
	if s == nil {
		return ""
	}
	return detail[*errdetails.ErrorInfo](s).GetReason()
}

// detail returns the first detail of a type, or the zero value.
func detail[T any](s *status.Status) T {
	for _, d := range s.Details() {
		if t, ok := d.(T); ok {
			return t
		}
	}
	var none T
	return none
}

// roundUp makes a delay readable without promising an earlier retry than the server allows.
func roundUp(d time.Duration) time.Duration {
	if r := d.Round(time.Second); r >= d {
		return r
	}
	return d.Round(time.Second) + time.Second
}

// codeWord is the canonical spelling of a code, for example "FAILED_PRECONDITION".
func codeWord(c codes.Code) string {
	var word strings.Builder
	for i, r := range c.String() {
		if i > 0 && r >= 'A' && r <= 'Z' && c != codes.OK {
			word.WriteByte('_')
		}
		word.WriteRune(r)
	}
	return strings.ToUpper(word.String())
}
