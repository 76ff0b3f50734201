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
	const header = "order,carrier,tracking_number,request_id\n"
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
		"to be stored: the server's word counts": {"A1,Colissimo,T1,", "A1,Colissimo,T2,", nil, "QUEUED", cli.ExitOK},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var file strings.Builder
			file.WriteString(header + tt.first + "\n")
			for i := range 999 {
				fmt.Fprintf(&file, "N%05d,Colissimo,N%05d,\n", i, i)
			}
			file.WriteString(tt.last + "\n")
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
		for i, reason := range map[int]string{1: "SHIPMENT_ALREADY_OPEN", 2: "REQUEST_ID_REUSED"} {
			answer.Results[i].Result = &marketplacev1.NotifyShipmentResult_Error{Error: &marketplacev1.ItemError{Code: 6, Reason: reason, Message: "an earlier request says so."}}
		}
		return answer, nil
	}})
	got := runAll(t, f, "order,carrier,tracking_number,request_id\nA1,Colissimo,T1,r1\nA1,Colissimo,T2,r2\nA2,Colissimo,T3,r1\n", "--validate-only")
	if n := strings.Count(got.out, "an earlier request says so: see line 2\n"); got.code != cli.ExitJobFailed || n != 2 {
		t.Errorf("exit code %d:\n%s", got.code, got.out)
	}
}
