// Package sqlitetest gives tests databases without the wait for their schema.
package sqlitetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/relaishq/relais/server/storage/sqlite"
)

// File returns the path of a database file of the test's own, empty and up to date. Making the schema takes longer than most tests:
// it is made once, and copied.
func File(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "relais.db")
	file, err := empty()
	if err == nil {
		err = os.WriteFile(path, file, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// empty is the file of a database that was opened once.
var empty = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "relais")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "relais.db")
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})
