package cli_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// skus writes a file of SKUs.
func skus(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "skus.txt")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPolicyFlags: what the flags ask the server to change, and nothing else.
func TestPolicyFlags(t *testing.T) {
	t.Parallel()
	file := skus(t, "TEA-G\r\n\n  TEA,B \n@CUP\n")
	const listed = marketplacev1.AcceptancePolicy_MODE_LISTED
	for _, c := range []struct {
		name       string
		flags      []string
		acceptance *marketplacev1.AcceptancePolicy
		schedule   *marketplacev1.ImportSchedule
		paths      []string
	}{
		{"a person", []string{"--acceptance", "manual"},
			&marketplacev1.AcceptancePolicy{Mode: marketplacev1.AcceptancePolicy_MODE_MANUAL}, nil, []string{"settings.acceptance.mode"}},
		{"all", []string{"--acceptance", "ALL"},
			&marketplacev1.AcceptancePolicy{Mode: marketplacev1.AcceptancePolicy_MODE_ALL}, nil, []string{"settings.acceptance.mode"}},
		{"no policy", []string{"--acceptance", ""}, &marketplacev1.AcceptancePolicy{}, nil, []string{"settings.acceptance.mode"}},
		{"a rule", []string{"--acceptance", "listed", "--accept-sku", "A,B", "--accept-sku", "C", "--accept-up-to", "50.5 eur"},
			&marketplacev1.AcceptancePolicy{Mode: listed, Skus: []string{"A,B", "C"}, MaxTotal: euros(50, 50)}, nil,
			[]string{"settings.acceptance.max_total", "settings.acceptance.mode", "settings.acceptance.skus"}},
		{"a list from a file, and more", []string{"--accept-sku", "@" + file, "--accept-sku", "POT"},
			&marketplacev1.AcceptancePolicy{Skus: []string{"TEA-G", "TEA,B", "@CUP", "POT"}}, nil, []string{"settings.acceptance.skus"}},
		{"no list", []string{"--accept-sku", ""}, &marketplacev1.AcceptancePolicy{}, nil, []string{"settings.acceptance.skus"}},
		{"no limit", []string{"--accept-up-to", ""}, &marketplacev1.AcceptancePolicy{}, nil, []string{"settings.acceptance.max_total"}},
		{"an interval", []string{"--import-interval", "5m"}, nil,
			&marketplacev1.ImportSchedule{Interval: durationpb.New(5 * time.Minute)}, []string{"settings.import_schedule.interval"}},
		{"the server's interval", []string{"--import-interval", "0"}, nil, &marketplacev1.ImportSchedule{}, []string{"settings.import_schedule.interval"}},
		{"an interval that the server refuses", []string{"--import-interval", "-1s"}, nil,
			&marketplacev1.ImportSchedule{Interval: durationpb.New(-time.Second)}, []string{"settings.import_schedule.interval"}},
		{"no schedule", []string{"--no-scheduled-imports"}, nil, &marketplacev1.ImportSchedule{Disabled: true}, []string{"settings.import_schedule.disabled"}},
		{"a schedule again", []string{"--no-scheduled-imports=false"}, nil, &marketplacev1.ImportSchedule{}, []string{"settings.import_schedule.disabled"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{})
			if got := run(t, f, append([]string{"store", "update", "tea"}, c.flags...)...); got.code != 0 {
				t.Fatalf("exit code %d: %s", got.code, got.err)
			}
			if got := run(t, f, append([]string{"store", "connect", "--adapter", "cdiscount", "-c", "login=x"}, c.flags...)...); got.code != 0 {
				t.Fatalf("exit code %d: %s", got.code, got.err)
			}
			update, connect := f.received()[0].(*marketplacev1.UpdateStoreRequest), f.received()[1].(*marketplacev1.ConnectStoreRequest)
			if diff := cmp.Diff(c.paths, update.GetUpdateMask().GetPaths()); diff != "" {
				t.Errorf("paths (-want +got):\n%s", diff)
			}
			for _, settings := range []*marketplacev1.StoreSettings{update.GetStore().GetSettings(), connect.GetStore().GetSettings()} {
				if diff := cmp.Diff([]proto.Message{c.acceptance, c.schedule},
					[]proto.Message{settings.GetAcceptance(), settings.GetImportSchedule()}, protocmp.Transform()); diff != "" {
					t.Errorf("settings (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestPolicyFlagsRefused: a mistake is told with the flag that holds it, and nothing is asked of the server.
func TestPolicyFlagsRefused(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none.txt")
	for _, c := range []struct {
		name  string
		flags []string
		want  []string
	}{
		{"a policy that is none", []string{"--acceptance", "maybe"}, []string{`--acceptance "maybe"`, "MANUAL, ALL, LISTED"}},
		{"a limit without currency", []string{"--accept-up-to", "50"}, []string{`--accept-up-to "50"`, "4.90EUR"}},
		{"a negative limit", []string{"--accept-up-to=-1EUR"}, []string{`--accept-up-to "-1EUR"`}},
		{"an interval without unit", []string{"--import-interval", "15"}, []string{"--import-interval"}},
		{"a file that is not there", []string{"--accept-sku", "@" + missing}, []string{"--accept-sku", missing, "no such file"}},
		{"an empty file", []string{"--accept-sku", "@" + skus(t, "\n \n")}, []string{"--accept-sku", "holds no SKU"}},
		{"a file of something else", []string{"--accept-sku", "@" + skus(t, strings.Repeat("0123456\n", 1<<19+1))}, []string{"--accept-sku", "larger than"}},
		{"a file in Latin-1", []string{"--accept-sku", "@" + skus(t, "A\ncaf\xe9\n")}, []string{"--accept-sku", "line 2 is not valid UTF-8; save the file as UTF-8"}},
		{"a line without end", []string{"--accept-sku", "@" + skus(t, strings.Repeat("x", 1<<17))}, []string{"--accept-sku", "cannot be read"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{})
			got := run(t, f, append([]string{"store", "update", "tea"}, c.flags...)...)
			if got.code != 2 || len(f.received()) != 0 {
				t.Errorf("exit code %d, %d calls", got.code, len(f.received()))
			}
			for _, part := range c.want {
				if !strings.Contains(got.err, part) {
					t.Errorf("report %q does not say %q", got.err, part)
				}
			}
		})
	}
}

// TestPolicyIsShown: what a store does by itself, in words.
func TestPolicyIsShown(t *testing.T) {
	t.Parallel()
	long := &marketplacev1.AcceptancePolicy{Mode: marketplacev1.AcceptancePolicy_MODE_LISTED}
	for i := range 12 {
		long.Skus = append(long.Skus, fmt.Sprintf("S%02d", i))
	}
	for _, c := range []struct {
		name     string
		settings *marketplacev1.StoreSettings
		want     string
	}{
		{"nothing set", &marketplacev1.StoreSettings{}, "Acceptance policy:  a person decides (MANUAL)\nScheduled imports:  at the server's interval\n"},
		{"none", &marketplacev1.StoreSettings{
			Acceptance:     &marketplacev1.AcceptancePolicy{Mode: marketplacev1.AcceptancePolicy_MODE_ALL, Skus: []string{"A"}},
			ImportSchedule: &marketplacev1.ImportSchedule{Disabled: true, Interval: durationpb.New(time.Hour)},
		}, "Acceptance policy:  every order is accepted (ALL)\nScheduled imports:  none, on request only\n"},
		{"one article", &marketplacev1.StoreSettings{
			Acceptance:     &marketplacev1.AcceptancePolicy{Mode: marketplacev1.AcceptancePolicy_MODE_LISTED, Skus: []string{"A"}},
			ImportSchedule: &marketplacev1.ImportSchedule{Interval: durationpb.New(90 * time.Minute)},
		}, "Acceptance policy:  orders of 1 listed article are accepted, whatever it costs (LISTED)\nAccepted articles:  A\nScheduled imports:  every 1h30m\n"},
		{"a long list", &marketplacev1.StoreSettings{Acceptance: long}, "Acceptance policy:  orders of 12 listed articles are accepted, whatever it costs (LISTED)\n" +
			"Accepted articles:  S00, S01, S02, S03, S04, S05, S06, S07, S08, S09, and 2 more\nScheduled imports:  at the server's interval\n"},
		{"a policy of a newer server", &marketplacev1.StoreSettings{Acceptance: &marketplacev1.AcceptancePolicy{Mode: 9}},
			"Acceptance policy:  unknown (9)\nScheduled imports:  at the server's interval\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{answer: func(context.Context, proto.Message) (proto.Message, error) {
				return &marketplacev1.Store{Settings: c.settings}, nil
			}})
			if got := run(t, f, "store", "get", "tea"); got.out != c.want {
				t.Errorf("got\n%swant\n%s", got.out, c.want)
			}
		})
	}
}

// TestAges: how long ago the last good import began, and when the next one begins.
func TestAges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		last, next time.Duration // from now
		want       string
	}{
		{"seconds", -59 * time.Second, 999 * time.Millisecond, "59s ago  in 0s"},
		{"minutes", -time.Minute, 59*time.Minute + 59*time.Second, "1m ago  in 59m59s"},
		{"hours", -(5*time.Hour + 59*time.Second), time.Hour + 2*time.Minute, "5h ago  in 1h2m"},
		{"days", -(26*time.Hour + 59*time.Minute), 24 * time.Hour, "1d2h ago  in 1d"},
		{"due", 0, 0, "0s ago  now"},
		{"overdue, and the server's clock is ahead", time.Minute, -time.Hour, "0s ago  now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{answer: func(context.Context, proto.Message) (proto.Message, error) {
				return &marketplacev1.ListStoresResponse{Stores: []*marketplacev1.Store{{
					Name: "stores/tea", LastImportStartTime: timestamppb.New(now.Add(c.last)), NextImportTime: timestamppb.New(now.Add(c.next)),
				}}}, nil
			}})
			_, row, _ := strings.Cut(run(t, f, "store", "list").out, "\n")
			var cells []string
			for cell := range strings.SplitSeq(strings.TrimSpace(row), "  ") {
				if cell = strings.TrimSpace(cell); cell != "" && cell != "-" {
					cells = append(cells, cell)
				}
			}
			if got := strings.Join(cells[1:], "  "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
