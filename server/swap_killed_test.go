package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterserve "github.com/relaishq/relais/adapters/sdk/serve"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// muteAdapter makes the test binary, run as an adapter, one that never describes itself.
const muteAdapter = "RELAIS_TEST_MUTE_ADAPTER"

func serveMuteAdapter() {
	adapterserve.Main(&sdktest.Adapter{OnDescribe: func() *adapterv1.DescribeResponse { select {} }})
}

// adapterProcesses lists the processes that run a binary below a server's data directory, or have their own directory there.
func (s *system) adapterProcesses() (pids []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range all {
		exe, _ := os.Readlink(process + "/exe")
		cwd, _ := os.Readlink(process + "/cwd")
		if strings.HasPrefix(exe, s.dir) || strings.HasPrefix(cwd, s.dir) {
			pids = append(pids, filepath.Base(process))
		}
	}
	return pids
}

// inAdapters lists a directory of the server's adapters.
func (s *system) inAdapters(path ...string) (names []string) {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join(append([]string{s.dir, "adapters"}, path...)...))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestServerKilledDuringASwap: kill -9 at each step of a swap, in which the server is held meanwhile. No adapter outlives it; the next
// server serves the old release, and the new one once that was saved; it has what belongs to it and no more, and swaps.
func TestServerKilledDuringASwap(t *testing.T) {
	t.Parallel()
	const good = "relais-adapter-cdiscount@good"
	script := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		step marketplacev1.SwapStep_Kind // at whose beginning the server is killed
		// hold makes the file in which the swap is held at the step.
		hold   func(t *testing.T, s *system, path string) (release func())
		serves string
	}{
		{marketplacev1.SwapStep_KIND_REGISTER, func(t *testing.T, _ *system, path string) func() {
			const size = 256 << 20 // takes its time to be copied
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
			return func() {}
		}, "old"},
		{marketplacev1.SwapStep_KIND_LAUNCH, func(t *testing.T, _ *system, path string) func() {
			script(t, path, "exec sleep 60")
			return func() {}
		}, "old"},
		{marketplacev1.SwapStep_KIND_PROBE, func(t *testing.T, _ *system, path string) func() {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			script(t, path, "export "+muteAdapter+"=1\nexec '"+self+"'")
			return func() {}
		}, "old"},
		{marketplacev1.SwapStep_KIND_PUBLISH, func(t *testing.T, s *system, _ string) func() {
			db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, "relais.db")+"?_busy_timeout=5000&_txlock=immediate")
			if err != nil {
				t.Fatal(err)
			}
			writing, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				_ = writing.Rollback()
				_ = db.Close()
			}
		}, "old"},
		{marketplacev1.SwapStep_KIND_RETIRE, func(t *testing.T, s *system, _ string) func() {
			s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.Latency, Params: fault.Params{Milliseconds: 60_000}})
			if _, err := s.api.ImportOrders(t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/demo"}); err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool { return s.adapter().GetGeneration().GetLeases() > 0 })
			return func() { s.sandbox.Faults().Clear() }
		}, "new"},
	}
	for _, tt := range tests {
		t.Run(strings.TrimPrefix(tt.step.String(), "KIND_"), func(t *testing.T) {
			t.Parallel()
			s, plugins := newSwappable(t, 5)
			s.stop()
			p := s.startProcess()
			s.connect()
			s.imported()
			file := filepath.Join(plugins, "relais-adapter-cdiscount")
			otherRelease(t, file, filepath.Join(plugins, good), "\n")
			otherRelease(t, file, file+"@candidate", "\n\n")
			old := s.adapter().GetGeneration().GetSha256()

			release := tt.hold(t, s, file+"@candidate")
			swap, err := s.admin.SwapAdapter(t.Context(), &marketplacev1.SwapAdapterRequest{
				Name: "adapters/cdiscount", File: "relais-adapter-cdiscount@candidate",
			})
			if err != nil {
				t.Fatal(err)
			}
			var candidate string
			for step := (&marketplacev1.SwapStep{}); step.GetKind() != tt.step; candidate = step.GetSha256() {
				if step, err = swap.Recv(); err != nil {
					t.Fatalf("swap ended before the step: %v", err)
				}
			}
			if tt.step != marketplacev1.SwapStep_KIND_REGISTER {
				waitFor(t, func() bool { return len(s.adapterProcesses()) == 3 }) // the candidate, and two that serve
			}
			s.kill(p)
			waitLong(t, 5*time.Second, func() bool { return len(s.adapterProcesses()) == 0 })
			release()

			s.startProcess()
			want, copies := old, []string{old}
			if tt.serves == "new" {
				want, copies = candidate, []string{old, candidate}
			}
			if got := s.adapter().GetGeneration().GetSha256(); got != want {
				t.Errorf("release %s serves, want the %s one, %s", got, tt.serves, want)
			}
			if last := s.adapter().GetLastSwap(); tt.step != marketplacev1.SwapStep_KIND_PUBLISH { // whose database could save nothing of it
				served := last.GetEndTime() != nil && last.GetFailureMessage() == "" && last.GetStep().GetSha256() == candidate
				cutOff := last.GetEndTime() == nil && strings.Contains(last.GetFailureMessage(), "the server stopped during it")
				if last.GetFile() != "relais-adapter-cdiscount@candidate" || served != (tt.serves == "new") || cutOff == served {
					t.Errorf("the last swap is told as %v", last)
				}
			}
			slices.Sort(copies)
			waitFor(t, func() bool {
				return slices.Equal(s.inAdapters("releases", "cdiscount"), copies) && len(s.adapterProcesses()) == 2 && len(s.inAdapters("sockets")) == 2
			})
			if got := s.inAdapters("releases"); !slices.Equal(got, []string{"cdiscount", "octopia"}) {
				t.Errorf("the library holds %v", got)
			}
			swap, err = s.admin.SwapAdapter(t.Context(), &marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount", File: good})
			if after := completed(t, swap, err); after.GetGeneration().GetSha256() == want {
				t.Errorf("the next swap changed nothing: %v", after)
			}
			s.imported()
		})
	}
}
