package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/relaishq/relais/server/storage/sqlite"
	"github.com/relaishq/relais/server/storage/storagetest"
)

func TestRepositories(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storagetest.Repositories {
		path := filepath.Join(t.TempDir(), "relais.db")
		file, err := empty()
		if err == nil {
			err = os.WriteFile(path, file, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return repositories(t, path)
	})
}

// empty is the file of a database that was opened once: its schema is made, which takes longer than most cases.
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

// repositories opens a database as the suite wants it.
func repositories(t *testing.T, path string) storagetest.Repositories {
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return storagetest.Repositories{
		Stores: db, Orders: db, Shipments: db, Decisions: db, Products: db, Schedule: db, Upkeep: db,
		Reopen: func(t *testing.T) storagetest.Repositories {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			return repositories(t, path)
		},
	}
}
