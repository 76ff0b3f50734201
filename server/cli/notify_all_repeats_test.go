package cli_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/cli"
)

// TestNotifyAllChecksRepeats: --validate-only says of each line what would become of it after the lines before it, also of one that
// goes to the server in a later call than the line that it repeats.
func TestNotifyAllChecksRepeats(t *testing.T) {
	t.Parallel()
	const header = "order,carrier,tracking_number,request_id,tracking_url,service\n"
	line := func(l string) string {
		return l + strings.Repeat(",", strings.Count(header, ",")-strings.Count(l, ",")) + "\n"
	}
	tests := map[string]struct {
		first, last string // lines of the file; last comes in another call
		flags       []string
		want        string // a part of what is printed of the last line
		code        int
	}{
		"another order":                          {"A1,Colissimo,T1,", "A2,Colissimo,T1,", []string{"--validate-only"}, "VALID", cli.ExitOK},
		"the same line":                          {"A1,Colissimo,T1,", "A1,Colissimo,T1,", []string{"--validate-only"}, "VALID", cli.ExitOK},
		"the order again":                        {"A1,Colissimo,T1,", "A1,Colissimo,T2,", []string{"--validate-only"}, "SHIPMENT_ALREADY_OPEN - - an earlier line ships this order too; an order has one open shipment: see line 2", cli.ExitJobFailed},
		"the order after a bad try":              {"A1,Colisimo,T1,", "A1,Colissimo,T2,", []string{"--validate-only"}, "VALID", cli.ExitJobFailed},
		"the request id again":                   {"A1,Colissimo,T1,r1", "A2,Colissimo,T2,r1", []string{"--validate-only"}, "REQUEST_ID_REUSED - - an earlier line has the same request_id and says something else: see line 2", cli.ExitJobFailed},
		"the request again":                      {"A1,Colissimo,T1,r1", "A1,Colissimo,T1,r1", []string{"--validate-only"}, "VALID", cli.ExitOK},
		"the same parcel with another service":   {"A1,Colissimo,T1,,,s1", "A1,Colissimo,T1,,,s2", []string{"--validate-only"}, "SHIPMENT_DIFFERS - - an earlier line says the same carrier and tracking number with other details: see line 2", cli.ExitJobFailed},
		"the same parcel with another page":      {"A1,Colissimo,T1,,u1,", "A1,Colissimo,T1,,u2,", []string{"--validate-only"}, "SHIPMENT_DIFFERS", cli.ExitJobFailed},
		"to be stored: the server's word counts": {"A1,Colissimo,T1,", "A1,Colissimo,T2,", nil, "QUEUED", cli.ExitOK},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var file strings.Builder
			file.WriteString(header + line(tt.first))
			for i := range 999 {
				file.WriteString(line(fmt.Sprintf("N%05d,Colissimo,N%05d,", i, i)))
			}
			file.WriteString(line(tt.last))
			f := newFake(t, &fake{})
			got := runAll(t, f, file.String(), tt.flags...)
			lines := strings.Split(strings.TrimSpace(got.out), "\n")
			if last := strings.Join(strings.Fields(lines[len(lines)-1]), " "); got.code != tt.code || !strings.Contains(last, tt.want) || !strings.HasPrefix(last, "1002 ") {
				t.Errorf("exit code %d, want %d, last line\n%s\nwant %q", got.code, tt.code, last, tt.want)
			}
			if n := len(f.received()); n != 2 {
				t.Errorf("%d calls, want 2", n)
			}
		})
	}
}

// TestNotifyAllNamesTheLine: what the server says of lines of one call is told with the line of the file.
func TestNotifyAllNamesTheLine(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{answer: func(_ context.Context, m proto.Message) (proto.Message, error) {
		answer := batch(m.(*marketplacev1.BatchNotifyShipmentsRequest))
		for i, reason := range map[int]string{1: "SHIPMENT_ALREADY_OPEN", 2: "REQUEST_ID_REUSED", 3: "SHIPMENT_DIFFERS"} {
			answer.Results[i].Result = &marketplacev1.NotifyShipmentResult_Error{Error: &marketplacev1.ItemError{Code: 6, Reason: reason, Message: "an earlier request says so."}}
		}
		return answer, nil
	}})
	got := runAll(t, f, "order,carrier,tracking_number,request_id\nA1,Colissimo,T1,r1\nA1,Colissimo,T2,r2\nA2,Colissimo,T3,r1\nA1,Colissimo,T1,\n", "--validate-only")
	if n := strings.Count(got.out, "an earlier request says so: see line 2\n"); got.code != cli.ExitJobFailed || n != 3 {
		t.Errorf("exit code %d:\n%s", got.code, got.out)
	}
}

// TestNotifyAllCountsTheDead: a line that was stated before and of which nothing more will be sent is neither stored nor valid.
func TestNotifyAllCountsTheDead(t *testing.T) {
	t.Parallel()
	const (
		file = "order,carrier,tracking_number\nA1,Colissimo,T1\nA2,Colissimo,T2\nA3,Colissimo,T3\nA4,Colissimo,T4\n"
		hint = "  relais shipment get shows why one ended, relais shipment retry takes it up again\n"
	)
	type states = []marketplacev1.Shipment_State
	const (
		queued    = marketplacev1.Shipment_STATE_QUEUED
		confirmed = marketplacev1.Shipment_STATE_CONFIRMED
		rejected  = marketplacev1.Shipment_STATE_REJECTED
		attention = marketplacev1.Shipment_STATE_NEEDS_ATTENTION
		refused   = marketplacev1.Shipment_STATE_UNSPECIFIED // by an error
	)
	for name, tt := range map[string]struct {
		states states
		code   int
		stored string // what is said of those that will be shipped
		bad    string
	}{
		"on their way, or there": {states{queued, confirmed, marketplacev1.Shipment_STATE_SENDING, marketplacev1.Shipment_STATE_ACKNOWLEDGED}, cli.ExitOK, "4 of 4", ""},
		"each way to end badly": {
			states{rejected, attention, marketplacev1.Shipment_STATE_SUPERSEDED, marketplacev1.Shipment_STATE_CANCELLED}, cli.ExitJobFailed, "0 of 4",
			"relais: 4 of 4 shipments ended badly before: 1 CANCELLED, 1 NEEDS_ATTENTION, 1 REJECTED, 1 SUPERSEDED\n" + hint,
		},
		"beside a refusal": {
			states{queued, attention, attention, refused}, cli.ExitJobFailed, "1 of 4",
			"relais: 1 of 4 shipments failed: 1 SHIPMENT_SUPERSEDED; 2 of 4 shipments ended badly before: 2 NEEDS_ATTENTION\n" + hint,
		},
	} {
		for what, flags := range map[string][]string{"are stored\n": nil, "are valid; nothing was stored, nothing was sent\n": {"--validate-only"}} {
			t.Run(name+" "+strings.Join(flags, ""), func(t *testing.T) {
				t.Parallel()
				f := newFake(t, &fake{answer: func(_ context.Context, m proto.Message) (proto.Message, error) {
					answer := batch(m.(*marketplacev1.BatchNotifyShipmentsRequest))
					for i, r := range answer.GetResults() {
						if s := r.GetShipment(); tt.states[i] != refused {
							s.Name, s.State = fmt.Sprintf("stores/tea/shipments/s%d", i), tt.states[i]
							continue
						}
						r.Result = &marketplacev1.NotifyShipmentResult_Error{Error: &marketplacev1.ItemError{Code: 9, Reason: "SHIPMENT_SUPERSEDED", Message: "it was replaced"}}
					}
					return answer, nil
				}})
				got := runAll(t, f, file, flags...)
				if want := tt.stored + " shipments " + what + tt.bad; got.code != tt.code || got.err != want {
					t.Errorf("exit code %d, want %d, and\n%s\nwant\n%s", got.code, tt.code, got.err, want)
				}
			})
		}
	}
}
