package release_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/server/host/release"
)

// library opens a library in a new directory.
func library(t *testing.T) (l *release.Library, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "releases")
	l, err := release.OpenLibrary(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l, dir
}

// file makes a file with this content and mode.
func file(t *testing.T, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// pipe makes a pipe that everybody may execute.
func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// cutOff makes a copy of this program that lacks what only a debugger needs.
func cutOff(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, string(whole[:len(whole)-4096]), 0o700)
}

// files lists the files below a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && path != dir {
			relative, _ := filepath.Rel(dir, path)
			found = append(found, relative)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func sum(content string) string {
	s := sha256.Sum256([]byte(content))
	return hex.EncodeToString(s[:])
}

func TestTakeAndAdopt(t *testing.T) {
	t.Parallel()
	l, dir := library(t)
	source := file(t, "program", 0o755)
	for _, round := range []string{"new", "there already", "there and damaged"} {
		taken, err := l.Take(t.Context(), "one", source)
		if err != nil {
			t.Fatalf("%s: %v", round, err)
		}
		if taken.SHA256 != sum("program") {
			t.Errorf("%s: hash %s, want that of the content", round, taken.SHA256)
		}
		if err := taken.Adopt(); err != nil {
			t.Fatalf("%s: %v", round, err)
		}
		taken.Discard()
		if taken.Path != l.Path("one", taken.SHA256) || !l.Has("one", taken.SHA256) {
			t.Errorf("%s: the copy is at %s and the library looks at %s", round, taken.Path, l.Path("one", taken.SHA256))
		}
		content, err := os.ReadFile(taken.Path)
		if err != nil || string(content) != "program" {
			t.Errorf("%s: the copy holds %q, %v", round, content, err)
		}
		info, err := os.Stat(taken.Path)
		if err != nil || info.Mode().Perm() != 0o500 {
			t.Errorf("%s: mode %v, %v; want 0500", round, info.Mode(), err)
		}
		if round == "there already" {
			if err := errors.Join(os.Remove(taken.Path), os.WriteFile(taken.Path, []byte("damaged"), 0o500)); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []string{"one", "one/" + sum("program"), "one/" + sum("program") + "/relais-adapter-one"}
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
}

func TestTakeRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		source func(t *testing.T) string
		want   error
		says   string
		linux  bool
	}{
		{"a file that is not there", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }, fs.ErrNotExist, "no such file", false},
		{"a directory", func(t *testing.T) string { return t.TempDir() }, release.ErrNotExecutable, "it is a directory; rename or remove it", false},
		{"a pipe", pipe, release.ErrNotExecutable, "it is a pipe; rename or remove it", false},
		{"a device", func(*testing.T) string { return os.DevNull }, release.ErrNotExecutable, "it is a device; rename or remove it", false},
		{"a file without execute permission", func(t *testing.T) string { return file(t, "x", 0o600) }, release.ErrNotExecutable, "chmod +x", false},
		{"a file whose end is missing", cutOff, launch.ErrCutOff, "copy it again", true},
		{"a file that is open for writing", func(t *testing.T) string {
			path := file(t, "half", 0o755)
			writer, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = writer.Close() })
			return path
		}, release.ErrBeingWritten, "rename it when it is complete", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.linux && runtime.GOOS != "linux" {
				t.Skip("this system does not tell")
			}
			l, dir := library(t)
			if _, err := l.Take(t.Context(), "one", tt.source(t)); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Take = %v, want %v that says %q", err, tt.want, tt.says)
			}
			if left := files(t, dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestDiscardLeavesNothing(t *testing.T) {
	t.Parallel()
	l, dir := library(t)
	taken, err := l.Take(t.Context(), "one", file(t, "program", 0o755))
	if err != nil {
		t.Fatal(err)
	}
	taken.Discard()
	if left := files(t, dir); len(left) != 0 || l.Has("one", taken.SHA256) {
		t.Errorf("left behind: %v", left)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	l, _ := library(t)
	for adapter, contents := range map[string][]string{"one": {"a", "b", "c"}, "two": {"a"}} {
		for _, content := range contents {
			taken, err := l.Take(t.Context(), adapter, file(t, content, 0o755))
			if err == nil {
				err = taken.Adopt()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	l.Prune("one", []string{sum("b"), ""})
	got := map[string]bool{}
	for _, content := range []string{"a", "b", "c"} {
		got["one "+content] = l.Has("one", sum(content))
	}
	got["two a"] = l.Has("two", sum("a"))
	want := map[string]bool{"one a": false, "one b": true, "one c": false, "two a": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("copies (-want +got)\n%s", diff)
	}
}

// TestOpenRemovesWhatIsUnfinished: a server that was killed between Take and Adopt leaves a directory.
func TestOpenRemovesWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	l, dir := library(t)
	kept, err := l.Take(t.Context(), "one", file(t, "kept", 0o755))
	if err == nil {
		err = kept.Adopt()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Take(t.Context(), "one", file(t, "unfinished", 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := release.OpenLibrary(dir); err != nil {
		t.Fatal(err)
	}
	want := []string{"one", "one/" + sum("kept"), "one/" + sum("kept") + "/relais-adapter-one"}
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
}
