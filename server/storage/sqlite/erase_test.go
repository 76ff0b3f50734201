package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/store"
)

// secretOf is a ciphertext that can be found in a file, of a size that differs from store to store.
func secretOf(what string, i int) store.Sealed {
	return store.Sealed{KeyID: "k", Ciphertext: []byte(fmt.Sprintf("<%s %d>%s", what, i, strings.Repeat(fmt.Sprintf("[%s %d]", what, i), 5+i*7%40)))}
}

// TestErasedCredentialsAreNotInTheFiles: sealed credentials and adapter state that were erased or replaced are neither in the
// database file nor in its log, while the database is open and after it was closed; those of other stores are there.
func TestErasedCredentialsAreNotInTheFiles(t *testing.T) {
	t.Parallel()
	const stores, one = 120, 57
	id := func(i int) string { return fmt.Sprintf("shop-%03d", i) }
	ref := func(adapter string) store.Ref { return store.Ref{StoreID: id(one), Adapter: adapter} }
	now := time.Unix(1000, 0)
	filled := fill(t, stores, id)
	move := func(t *testing.T, db *DB, what string, minute int) {
		t.Helper()
		m := store.Migration{StoreID: id(one), Source: "alpha", Target: "beta", Cutover: now.Add(time.Duration(minute) * time.Minute)}
		if err := db.StartMigration(t.Context(), m, store.Store{ID: id(one), AccountID: "b"}, nil, secretOf(what, one)); err != nil {
			t.Fatal(err)
		}
		if err := db.SaveAdapterState(t.Context(), ref("beta"), secretOf("state-"+what, one)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		erase  func(t *testing.T, db *DB) error
		erased []string
		kept   []string
	}{
		{"disconnect", func(t *testing.T, db *DB) error {
			move(t, db, "beta", 1)
			_, err := db.DisconnectStore(t.Context(), id(one), now, false)
			return err
		}, []string{"alpha", "state-alpha", "beta", "state-beta"}, nil},
		{"completion", func(t *testing.T, db *DB) error {
			move(t, db, "beta", 1)
			_, err := db.CompleteMigration(t.Context(), id(one), "alpha", now, false)
			return err
		}, []string{"alpha", "state-alpha"}, []string{"beta", "state-beta"}},
		{"rotation", func(t *testing.T, db *DB) error {
			return db.ReplaceCredentials(t.Context(), ref("alpha"), secretOf("new", one+1))
		}, []string{"alpha", "state-alpha"}, nil},
		{"a move that begins anew", func(t *testing.T, db *DB) error {
			move(t, db, "beta", 1)
			if err := db.UndoMigration(t.Context(), id(one), now.Add(2*time.Minute)); err != nil {
				return err
			}
			move(t, db, "gamma", 3)
			return nil
		}, []string{"beta", "state-beta"}, []string{"alpha", "state-alpha", "gamma"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "relais.db")
			if err := os.WriteFile(path, filled, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			if err := c.erase(t, db); err != nil {
				t.Fatal(err)
			}
			check := func(when string) {
				t.Helper()
				content := contentOf(t, db.path)
				for _, what := range c.erased {
					if n := bytes.Count(content, []byte(fmt.Sprintf("[%s %d]", what, one))); n > 0 {
						t.Errorf("%s %d pieces of the secret %q are in the files", when, n, what)
					}
				}
				for _, what := range c.kept {
					if !bytes.Contains(content, secretOf(what, one).Ciphertext) {
						t.Errorf("%s the secret %q is not in the files", when, what)
					}
				}
				for i := range stores {
					if i != one && !bytes.Contains(content, secretOf("alpha", i).Ciphertext) {
						t.Errorf("%s the credentials of store %d are not in the files", when, i)
					}
				}
			}
			check("open:")
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			check("closed:")
		})
	}
}

// fill is the file of a database with stores, connected in an order that makes pages of its tables split.
func fill(t *testing.T, stores int, id func(int) string) []byte {
	t.Helper()
	db := openForTest(t)
	for i := range stores {
		n := i * 37 % stores
		s := store.Store{ID: id(n), Adapter: "alpha", Marketplace: "market", AccountID: id(n)}
		if err := db.CreateStore(t.Context(), s, store.AccountKeys{id(n)}, secretOf("alpha", n)); err != nil {
			t.Fatal(err)
		}
		if err := db.SaveAdapterState(t.Context(), store.Ref{StoreID: id(n), Adapter: "alpha"}, secretOf("state-alpha", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return contentOf(t, db.path)
}

// contentOf is the bytes of a database file and of the log beside it.
func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return append(content, log...)
}
