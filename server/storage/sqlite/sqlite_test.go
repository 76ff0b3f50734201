package sqlite_test

import (
	"context"
	"testing"

	"github.com/relaishq/relais/server/storage/sqlite"
	"github.com/relaishq/relais/server/storage/sqlite/sqlitetest"
	"github.com/relaishq/relais/server/storage/storagetest"
)

func TestRepositories(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storagetest.Repositories {
		return repositories(t, sqlitetest.File(t))
	})
}

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
		Stores: db, Orders: db, Shipments: db, Decisions: db, Products: db, Schedule: db, Upkeep: db, Releases: db, InUse: db,
		Reopen: func(t *testing.T) storagetest.Repositories {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			return repositories(t, path)
		},
	}
}
