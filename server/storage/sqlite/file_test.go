package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

func TestOpenMakesPrivateFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		path func(dir string) string
	}{
		{"in a directory that does not exist", func(dir string) string { return filepath.Join(dir, "a", "b", "relais.db") }},
		{"with characters that URLs take for their own", func(dir string) string { return filepath.Join(dir, "50% off?#1.db") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := c.path(t.TempDir())
			db, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			connectForTest(t, db)
			entries, err := os.ReadDir(filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			modes := map[string]string{}
			for _, e := range entries {
				info, err := e.Info()
				if err != nil {
					t.Fatal(err)
				}
				modes[strings.TrimPrefix(e.Name(), filepath.Base(path))] = info.Mode().String()
			}
			want := map[string]string{"": "-rw-------", "-wal": "-rw-------", "-shm": "-rw-------", ".lock": "-rw-------"}
			if diff := cmp.Diff(want, modes); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "data")
		db, err := Open(t.Context(), filepath.Join(dir, "relais.db"))
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("the directory has mode %s, want 0700", info.Mode().Perm())
		}
	})
	t.Run("a file that others could read", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "relais.db")
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the file has mode %s, want 0600", info.Mode().Perm())
		}
	})
}

func TestOpenRefusesAFileInUse(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	_, err := Open(t.Context(), db.path)
	if err == nil {
		t.Fatal("two relais on one database")
	}
	if pid := fmt.Sprintf("pid %d", os.Getpid()); !strings.Contains(err.Error(), pid) {
		t.Errorf("error %q does not say that %s has it", err, pid)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), db.path)
	if err != nil {
		t.Fatalf("once it is free: %v", err)
	}
	for range 2 {
		if err := again.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

func TestOpenRefusesANewerDatabase(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	if _, err := db.writer.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), db.path)
	if err == nil || !strings.Contains(err.Error(), "newer relais (schema 9999") {
		t.Errorf("error %v", err)
	}
	if _, err := Open(t.Context(), db.path); err == nil || strings.Contains(err.Error(), "in use") {
		t.Errorf("a refused file stays locked: %v", err)
	}
}

func TestOpenRefusesAnotherKindOfFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "relais.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("error %v", err)
	}
}

// TestConnections shows that every connection has what the code relies on.
func TestConnections(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	for _, c := range []struct {
		name string
		pool *sql.DB
		want map[string]string
	}{
		{"writer", db.writer, map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "query_only": "0", "busy_timeout": "5000", "page_size": "8192",
		}},
		{"reader", db.reader, map[string]string{
			"journal_mode": "wal", "foreign_keys": "1", "query_only": "1", "busy_timeout": "5000",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := map[string]string{}
			for name := range c.want {
				var v string
				if err := c.pool.QueryRow("PRAGMA " + name).Scan(&v); err != nil {
					t.Fatal(err)
				}
				got[name] = v
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("pragmas (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := db.reader.Exec(`DELETE FROM stores`); err == nil {
		t.Error("the read pool writes")
	}
}

func TestFullDiskIsExplainedAndLosesNothing(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	connectForTest(t, db)
	var pages int
	if err := db.writer.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		var got int
		if err := db.writer.QueryRow(fmt.Sprintf(`PRAGMA max_page_count = %d`, n)).Scan(&got); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages)
	batch := order.Batch{Ref: store.Ref{StoreID: "shop", Adapter: "alpha"}}
	for i := range 100 {
		batch.Orders = append(batch.Orders, order.Order{Number: fmt.Sprint(i), Reference: strings.Repeat("x", 1000)})
	}
	_, err := db.ApplyBatch(t.Context(), batch)
	if err == nil || !strings.Contains(err.Error(), "free disk space") {
		t.Fatalf("error %v", err)
	}
	if _, err := db.GetOrder(t.Context(), "shop", "0"); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("a piece of the batch was stored: %v", err)
	}
	limit(1 << 30)
	counts, err := db.ApplyBatch(t.Context(), batch)
	if err != nil || counts.Created != 100 {
		t.Errorf("with room again: %+v, %v", counts, err)
	}
}

func TestLockedFileIsExplained(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	if _, err := db.writer.Exec(`PRAGMA busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	// A tool that has the file open beside relais.
	tool, err := sql.Open("sqlite", db.path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tool.Close(); err != nil {
			t.Error(err)
		}
	}()
	tool.SetMaxOpenConns(1)
	if _, err := tool.Exec(`BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	_, err = db.InterruptImports(t.Context(), at0, order.Failure{})
	if err == nil || !strings.Contains(err.Error(), "another program holds the database file locked") {
		t.Errorf("error %v", err)
	}
	if _, err := tool.Exec(`ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.InterruptImports(t.Context(), at0, order.Failure{}); err != nil {
		t.Errorf("once it is free: %v", err)
	}
}

func TestCancelledContextWritesNothing(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	connectForTest(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := db.UpdateStore(ctx, "shop", func(s *store.Store) error {
		s.ShopName = "changed"
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	s, err := db.GetStore(t.Context(), "shop")
	if err != nil || s.ShopName != "" {
		t.Errorf("shop name %q, error %v", s.ShopName, err)
	}
}

// TestOrderEvents reads the events from the table: nothing outside reads them yet.
func TestOrderEvents(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	connectForTest(t, db)
	ref := store.Ref{StoreID: "shop", Adapter: "alpha"}
	apply := func(minute int, orders ...order.Order) {
		t.Helper()
		if _, err := db.ApplyBatch(t.Context(), order.Batch{Ref: ref, Orders: orders, Time: at0.Add(minutes(minute))}); err != nil {
			t.Fatal(err)
		}
	}
	apply(1, order.Order{Number: "a", Status: order.Processing}, order.Order{Number: "b", Status: order.ReadyToShip})
	apply(2, order.Order{Number: "a", Status: order.Processing})
	apply(3, order.Order{Number: "c", Status: order.ReadyToShip}, order.Order{Number: "a", Status: order.Cancelled})
	got, err := collect(t.Context(), db.reader, func(row scanner) (string, error) {
		var seq, time int64
		var kind, number, before, after string
		err := row.Scan(&seq, &time, &kind, &number, &before, &after)
		return fmt.Sprintf("%d +%s %s %s %q->%q", seq, instant(time).Sub(at0), kind, number, before, after), err
	}, `SELECT seq, time, kind, order_number, old_status, new_status FROM order_events ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`1 +1m0s CREATED a ""->"PROCESSING"`,
		`2 +1m0s CREATED b ""->"READY_TO_SHIP"`,
		`3 +3m0s CREATED c ""->"READY_TO_SHIP"`,
		`4 +3m0s CHANGED a "PROCESSING"->"CANCELLED"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestOlderEncodingIsChanged: a document of an earlier version is written again.
func TestOlderEncodingIsChanged(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	connectForTest(t, db)
	batch := order.Batch{Ref: store.Ref{StoreID: "shop", Adapter: "alpha"}, Orders: []order.Order{{Number: "a"}}}
	if _, err := db.ApplyBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if _, err := db.writer.Exec(`UPDATE orders SET document_version = 0`); err != nil {
		t.Fatal(err)
	}
	for _, want := range []order.Counts{{Read: 1, Changed: 1}, {Read: 1, Unchanged: 1}} {
		got, err := db.ApplyBatch(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
	}
}
