package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/cli"
)

// runAll runs notify-all over a file with this content.
func runAll(t *testing.T, f *fake, content string, flags ...string) result {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shipments.txt")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, f, append([]string{"shipment", "notify-all", "tea", path}, flags...)...)
}

// TestNotifyAllFormats: the same shipments in every form a file may have give the same request.
func TestNotifyAllFormats(t *testing.T) {
	t.Parallel()
	plain := func(order, carrier, number string) *marketplacev1.NotifyShipmentRequest {
		return &marketplacev1.NotifyShipmentRequest{Shipment: &marketplacev1.Shipment{
			Order: "stores/tea/orders/" + order, Carrier: carrier, TrackingNumber: number,
		}}
	}
	two := []*marketplacev1.NotifyShipmentRequest{plain("A1", "Colissimo", "6A1"), plain("A2", "Mondial Relay", "T-2")}
	whole := plain("A1", "UPS", "T-1")
	whole.RequestId = "r-1"
	whole.Shipment.TrackingUrl, whole.Shipment.Service, whole.Shipment.Replaces = "https://t.example/1", "Express, 24", "stores/tea/shipments/s1"
	whole.Shipment.CarrierFee = &marketplacev1.Money{CurrencyCode: "EUR", Units: 4, Nanos: 900_000_000}
	whole.Shipment.ShipTime = timestamppb.New(now)
	checked := plain("A1", "Colissimo", "6A1")
	checked.Force, checked.AllowOtherCarrier, checked.ValidateOnly = true, true, true

	tests := map[string]struct {
		content string
		flags   []string
		want    []*marketplacev1.NotifyShipmentRequest
	}{
		"comma":     {"order,carrier,tracking_number\nA1,Colissimo,6A1\nA2,Mondial Relay,T-2\n", nil, two},
		"semicolon": {"order;carrier;tracking_number\r\nA1;Colissimo;6A1\r\n\r\nA2;Mondial Relay;T-2", nil, two},
		"tab":       {"order\tcarrier\ttracking_number\nA1\tColissimo\t6A1\nA2\tMondial Relay\tT-2\n", nil, two},
		"as a spreadsheet writes it, columns in another order": {
			"\uFEFF\"Tracking Number\";Carrier;ORDER\nT-1 ;Colissimo; A1\n", nil, []*marketplacev1.NotifyShipmentRequest{plain("A1", "Colissimo", "T-1")},
		},
		"full names": {"order,carrier,tracking_number\nstores/tea/orders/A1,Colissimo,6A1\n", nil, two[:1]},
		"JSON lines": {
			`{"order": "A1", "carrier": "Colissimo", "tracking_number": "6A1"}` + "\n\n" + `{"tracking_number":"T-2","order":"A2","carrier":"Mondial Relay"}`, nil, two,
		},
		"every column": {
			"order,carrier,tracking_number,tracking_url,service,carrier_fee,ship_time,request_id,replaces\n" +
				"A1,UPS,T-1,https://t.example/1,\"Express, 24\",4.90EUR,now,r-1,s1\n", nil, []*marketplacev1.NotifyShipmentRequest{whole},
		},
		"every field": {
			`{"order":"A1","carrier":"UPS","tracking_number":"T-1","tracking_url":"https://t.example/1","service":"Express, 24",` +
				`"carrier_fee":"4.90 EUR","ship_time":"now","request_id":"r-1","replaces":"stores/tea/shipments/s1"}`,
			nil, []*marketplacev1.NotifyShipmentRequest{whole},
		},
		"with flags": {
			"order,carrier,tracking_number\nA1,Colissimo,6A1\n", []string{"--force", "--allow-other-carrier", "--validate-only"},
			[]*marketplacev1.NotifyShipmentRequest{checked},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{})
			if got := runAll(t, f, tt.content, tt.flags...); got.code != cli.ExitOK {
				t.Fatalf("exit code %d: %s", got.code, got.err)
			}
			want := []proto.Message{&marketplacev1.BatchNotifyShipmentsRequest{Parent: "stores/tea", Requests: tt.want}}
			if diff := cmp.Diff(want, f.received(), protocmp.Transform()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			onInput := newFake(t, &fake{})
			in := process{in: iotest.OneByteReader(strings.NewReader(tt.content))}
			if got := in.run(t.Context(), onInput, append([]string{"shipment", "notify-all", "tea", "-"}, tt.flags...)...); got.code != cli.ExitOK {
				t.Fatalf("from standard input: exit code %d: %s", got.code, got.err)
			}
			if diff := cmp.Diff(want, onInput.received(), protocmp.Transform()); diff != "" {
				t.Errorf("requests from standard input (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNotifyAllRefusesFiles: a file that cannot be read whole is refused with the line at fault, and nothing of it is sent.
func TestNotifyAllRefusesFiles(t *testing.T) {
	t.Parallel()
	const header = "order,carrier,tracking_number\nA1,Colissimo,6A1\n"
	tests := map[string]struct{ content, want string }{
		"empty":                 {"", "the file is empty"},
		"blank":                 {"\n\n", "the file is empty"},
		"only a header":         {"order,carrier,tracking_number\n", "the file holds no shipment"},
		"no header":             {"A1,Colissimo,6A1\n", `column "A1" is unknown: the columns are order, carrier, tracking_number`},
		"a column missing":      {"order,carrier\nA1,Colissimo\n", `column "tracking_number" is missing`},
		"a column misspelt":     {"order,carrier,tracking_number,trackingurl\n", `column "trackingurl" is unknown`},
		"a column twice":        {"order,carrier,tracking_number,Order\n", `column "Order" is there twice`},
		"a field missing":       {header + "A2,Colissimo\n", "line 3: wrong number of fields"},
		"a quote left open":     {header + "A2,\"Colissimo,6A2\n", "line 3: "},
		"no order":              {header + " ,Colissimo,6A2\n", "line 3: order is empty"},
		"no carrier":            {`{"order":"A1","tracking_number":"6A1"}`, "line 1: carrier is empty"},
		"order of another kind": {header + "stores/tea/imports/i1,Colissimo,6A2\n", "line 3: "},
		"order elsewhere":       {header + "stores/lamp/orders/A1,Colissimo,6A2\n", "line 3: \"stores/lamp/orders/A1\" does not belong to stores/tea"},
		"bad fee":               {"order,carrier,tracking_number,carrier_fee\nA1,Colissimo,6A1,\"4,90\"\n", `line 2: carrier_fee "4,90" is not an amount`},
		"bad time":              {"order,carrier,tracking_number,ship_time\nA1,Colissimo,6A1,yesterday\n", `line 2: ship_time "yesterday" is not a time`},
		"bad replaces":          {"order,carrier,tracking_number,replaces\nA1,Colissimo,6A1,a/b\n", `line 2: "a/b" names nothing in shipments`},
		"broken JSON":           {`{"order":"A1"`, "line 1: is no shipment"},
		"a number in JSON":      {`{"order":1,"carrier":"c","tracking_number":"t"}`, "line 1: order must be a text, in quotes"},
		"unknown JSON field":    {`{"order":"A1","carrier":"c","number":"t"}`, `unknown field "number"; the fields are order, carrier`},
		"two objects":           {`{"order":"A1","carrier":"c","tracking_number":"t"} {}`, "line 1: has more than one object"},
		"Latin-1":               {header + "A2,Colis Priv\xe9,6A2\n", "line 3: not valid UTF-8; save the file as UTF-8"},
		"Latin-1 in JSON":       {`{"order":"A1","carrier":"Colis Priv` + "\xe9" + `","tracking_number":"6A1"}`, "line 1: not valid UTF-8"},
		"UTF-16":                {"\xff\xfeo\x00r\x00", "line 1: not valid UTF-8"},
		"a list":                {`[{"order":"A1"}]`, "the file holds a JSON list"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{})
			got := runAll(t, f, tt.content)
			if got.code != cli.ExitUsage || got.out != "" || !strings.Contains(got.err, tt.want) {
				t.Errorf("exit code %d, want %d with %q; report:\n%s", got.code, cli.ExitUsage, tt.want, got.err)
			}
			if n := len(f.received()); n != 0 {
				t.Errorf("the server received %d calls", n)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		t.Parallel()
		got := run(t, newFake(t, &fake{}), "shipment", "notify-all", "tea", filepath.Join(t.TempDir(), "none.csv"))
		if got.code != cli.ExitUsage || !strings.Contains(got.err, "the file cannot be read") {
			t.Errorf("exit code %d: %s", got.code, got.err)
		}
	})
	t.Run("a directory", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		got := run(t, newFake(t, &fake{}), "shipment", "notify-all", "tea", dir)
		if got.code != cli.ExitUsage || !strings.Contains(got.err, "the file cannot be read: "+dir+" is a directory") {
			t.Errorf("exit code %d: %s", got.code, got.err)
		}
	})
	t.Run("input that fails", func(t *testing.T) {
		t.Parallel()
		in := process{in: iotest.ErrReader(errors.New("the pipe broke"))}
		if got := in.run(t.Context(), newFake(t, &fake{}), "shipment", "notify-all", "tea", "-"); got.code != cli.ExitFailure || !strings.Contains(got.err, "the pipe broke") {
			t.Errorf("exit code %d: %s", got.code, got.err)
		}
	})
}

// mixedFile is three shipments of which the fake refuses two.
const mixedFile = "order,carrier,tracking_number\nA1,Colissimo,6A1\nA2,Colisimo,6A2\nA3,busy,6A3\n"

// TestNotifyAllPrintsEach: a line for each shipment, a summary, and an exit code that says that one failed.
func TestNotifyAllPrintsEach(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"notify_all": nil, "notify_all_check": {"--validate-only"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runAll(t, newFake(t, &fake{}), mixedFile, flags...)
			if got.code != cli.ExitJobFailed || !strings.Contains(got.err, "relais: 2 of 3 shipments failed: 1 CARRIER_UNKNOWN, 1 MARKETPLACE_DOWN\n") {
				t.Errorf("exit code %d, report:\n%s", got.code, got.err)
			}
			golden(t, name, got.out+"\nstandard error:\n"+got.err)
		})
	}
	t.Run("json", func(t *testing.T) {
		t.Parallel()
		f := newFake(t, &fake{})
		got := runAll(t, f, mixedFile, "-o", "json")
		var printed marketplacev1.BatchNotifyShipmentsResponse
		if err := protojson.Unmarshal([]byte(got.out), &printed); err != nil || got.code != cli.ExitJobFailed {
			t.Fatalf("exit code %d, %v:\n%s", got.code, err, got.out)
		}
		if diff := cmp.Diff(batch(f.received()[0].(*marketplacev1.BatchNotifyShipmentsRequest)), &printed, protocmp.Transform()); diff != "" {
			t.Errorf("printed (-want +got):\n%s", diff)
		}
	})
}

// TestNotifyAllInBatches: a long file goes out in batches that the server takes, in its order, and reads as one table.
func TestNotifyAllInBatches(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		lines int
		url   int // length of each tracking URL
		want  []int
	}{
		"one batch":       {1000, 10, []int{1000}},
		"one more":        {1001, 10, []int{1000, 1}},
		"many":            {2500, 10, []int{1000, 1000, 500}},
		"cut by its size": {1000, 8 << 10, []int{381, 381, 238}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var file strings.Builder
			file.WriteString("order,carrier,tracking_number,tracking_url\n")
			for i := range tt.lines {
				fmt.Fprintf(&file, "N%05d,Colissimo,T%05d,%s\n", i, i, strings.Repeat("u", tt.url))
			}
			f := newFake(t, &fake{})
			got := runAll(t, f, file.String())
			if got.code != cli.ExitOK || got.err != fmt.Sprintf("%d of %d shipments are stored\n", tt.lines, tt.lines) {
				t.Fatalf("exit code %d: %s", got.code, got.err)
			}
			if lines := strings.Split(strings.TrimSpace(got.out), "\n"); len(lines) != tt.lines+1 || strings.Count(got.out, "TRACKING NUMBER") != 1 {
				t.Errorf("%d lines", len(lines))
			}
			var sizes []int
			next := 0
			for _, m := range f.received() {
				requests := m.(*marketplacev1.BatchNotifyShipmentsRequest).GetRequests()
				sizes = append(sizes, len(requests))
				for _, r := range requests {
					if want := fmt.Sprintf("stores/tea/orders/N%05d", next); r.GetShipment().GetOrder() != want {
						t.Fatalf("request %d is of %s", next, r.GetShipment().GetOrder())
					}
					next++
				}
			}
			if diff := cmp.Diff(tt.want, sizes); diff != "" {
				t.Errorf("batches (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNotifyAllColumns: the columns of every batch stand below the one header, whatever the later ones hold.
func TestNotifyAllColumns(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	file.WriteString("order,carrier,tracking_number\n")
	for i := range 1000 {
		fmt.Fprintf(&file, "N%d,Colissimo,T%d\n", i, i)
	}
	file.WriteString("AMUCHLONGERORDERNUMBER,Colissimo,AMUCHLONGERTRACKINGNUMBER\nB,Colisimo,T\nC,busy,T\n")
	for _, flags := range [][]string{nil, {"--validate-only"}} {
		got := runAll(t, newFake(t, &fake{}), file.String(), flags...)
		lines := strings.Split(strings.TrimSpace(got.out), "\n")
		if len(lines) != 1004 {
			t.Fatalf("%d lines", len(lines))
		}
		columns := map[int]string{}
		for _, name := range []string{"LINE", "ORDER", "TRACKING NUMBER", "RESULT", "SHIPMENT", "CARRIER", "MESSAGE"} {
			columns[strings.Index(lines[0], name)] = name
		}
		for _, line := range lines[1:] {
			for at, name := range columns {
				if line[at] == ' ' || at > 0 && line[at-1] != ' ' {
					t.Fatalf("column %s does not begin below its name:\n%s\n%s", name, lines[0], line)
				}
			}
		}
	}
}

// TestNotifyAllFails: when a call fails, what became of the shipments before it is printed, and how to go on.
func TestNotifyAllFails(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	file.WriteString("order,carrier,tracking_number\n")
	for i := range 1500 {
		fmt.Fprintf(&file, "N%05d,Colissimo,T%05d\n", i, i)
	}
	refusal := remoteError(t, throttled())
	tests := map[string]struct {
		second func(*marketplacev1.BatchNotifyShipmentsRequest) (proto.Message, error)
		code   int
		want   string
	}{
		"refused": {func(*marketplacev1.BatchNotifyShipmentsRequest) (proto.Message, error) { return nil, refusal }, cli.ExitRetry, "slow down (THROTTLED)"},
		"half answered": {func(r *marketplacev1.BatchNotifyShipmentsRequest) (proto.Message, error) {
			answer := batch(r)
			answer.Results = answer.Results[1:]
			return answer, nil
		}, cli.ExitFailure, "the server answered 499 of 500 shipments"},
	}
	for name, tt := range tests {
		for format, count := range map[string]func(string) int{
			"table": func(out string) int { return strings.Count(out, "\n") - 1 },
			"json": func(out string) int {
				var printed marketplacev1.BatchNotifyShipmentsResponse
				if err := protojson.Unmarshal([]byte(out), &printed); err != nil {
					t.Error(err)
				}
				return len(printed.GetResults())
			},
		} {
			t.Run(name+" "+format, func(t *testing.T) {
				t.Parallel()
				f := newFake(t, &fake{answer: func(_ context.Context, m proto.Message) (proto.Message, error) {
					r := m.(*marketplacev1.BatchNotifyShipmentsRequest)
					if len(r.GetRequests()) == 1000 {
						return batch(r), nil
					}
					return tt.second(r)
				}})
				got := runAll(t, f, file.String(), "-o", format)
				if got.code != tt.code || !strings.Contains(got.err, tt.want) || !strings.Contains(got.err, "1000 of 1500 shipments were looked at; run the command again") {
					t.Errorf("exit code %d, want %d with %q; report:\n%s", got.code, tt.code, tt.want, got.err)
				}
				if n := count(got.out); n != 1000 {
					t.Errorf("%d shipments are printed, want 1000", n)
				}
			})
		}
	}
}
