package launch_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk/handshake"
)

// TestBusyFile: a copy that was written a moment ago may be open for writing still, in a process that another goroutine forked
// meanwhile and that has not come to its exec. The start waits for that, for a while.
func TestBusyFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("not every system refuses to run a file that is open for writing")
	}
	for _, tt := range []struct {
		name   string
		closes bool
	}{
		{"until the other process runs", true},
		{"for good", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), handshake.FilePrefix+"good")
			writer := copyOfSelf(t, path)
			if tt.closes {
				time.AfterFunc(100*time.Millisecond, func() { _ = writer.Close() })
			} else {
				defer writer.Close()
			}
			p, err := launch.Start(t.Context(), launch.Config{Path: path, StartTimeout: startTimeout})
			if err == nil {
				err = p.Stop(t.Context())
			}
			if tt.closes && err != nil || !tt.closes && !errors.Is(err, syscall.ETXTBSY) {
				t.Errorf("Start = %v", err)
			}
		})
	}
}

// copyOfSelf copies this binary and returns the copy open for writing.
func copyOfSelf(t *testing.T, path string) *os.File {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	return out
}
