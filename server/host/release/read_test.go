package release_test

import (
	"context"
	"errors"
	"testing"

	"github.com/relaishq/relais/server/host/release"
)

func TestHash(t *testing.T) {
	t.Parallel()
	got, err := release.Hash(t.Context(), file(t, "binary", 0o600))
	if err != nil || got != sum("binary") {
		t.Errorf("Hash = %q, %v", got, err)
	}
}

// TestPipesHoldNobody: a pipe that nobody writes to would be waited for at its opening.
func TestPipesHoldNobody(t *testing.T) {
	t.Parallel()
	path := pipe(t)
	if _, err := release.Hash(t.Context(), path); !errors.Is(err, release.ErrNotExecutable) {
		t.Errorf("Hash = %v, want ErrNotExecutable", err)
	}
	l, _ := library(t)
	if _, err := l.Take(t.Context(), "one", path); !errors.Is(err, release.ErrNotExecutable) {
		t.Errorf("Take = %v, want ErrNotExecutable", err)
	}
}

func TestReadingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := file(t, "binary", 0o700)
	if _, err := release.Hash(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("Hash = %v, want the context's error", err)
	}
	l, dir := library(t)
	if _, err := l.Take(ctx, "one", path); !errors.Is(err, context.Canceled) {
		t.Errorf("Take = %v, want the context's error", err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestAdapterNamesAreNotUnfinishedCopies: opening the library removes what a killed server left, never a release.
func TestAdapterNamesAreNotUnfinishedCopies(t *testing.T) {
	t.Parallel()
	l, dir := library(t)
	copied, err := l.Take(t.Context(), "incoming-orders", file(t, "binary", 0o700))
	if err != nil {
		t.Fatal(err)
	}
	if err := copied.Adopt(); err != nil {
		t.Fatal(err)
	}
	again, err := release.OpenLibrary(dir)
	if err != nil || !again.Has("incoming-orders", copied.SHA256) {
		t.Errorf("the release is gone, %v", err)
	}
}
