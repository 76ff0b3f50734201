package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// victimDatabase is the variable that makes the test binary a victim: it names the database.
const victimDatabase = "RELAIS_TEST_VICTIM_DATABASE"

// victim has a wake-up that never ends, tells when that has begun, and waits to be killed.
func victim(path string) {
	ctx := context.Background()
	db, err := Open(ctx, path)
	if err == nil {
		_, err = shipmentDue(ctx, db, 0, time.Now())
	}
	if err == nil {
		_, err = db.StartQueue(ctx, map[Due]func(){DueDecisions: func() {}, DueShipments: func() {
			fmt.Println("begun")
			select {}
		}}, slog.Default())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	select {}
}

// TestKilled: what a killed process had fetched wakes the next one, and its hold on the queue delays nothing new.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "relais.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	prepareShop(t, db, 1)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimDatabase+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "begun" {
		t.Errorf("the victim says %q", lines.Text())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed

	db, err = Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	shipments, decisions := make(chan struct{}, 10), make(chan struct{}, 10)
	began := time.Now()
	q, err := db.StartQueue(t.Context(), map[Due]func(){
		DueShipments: func() { shipments <- struct{}{} },
		DueDecisions: func() { decisions <- struct{}{} },
	}, slog.New(slog.NewTextHandler(failing{t}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, q)
	if _, err := decisionDue(t.Context(), db, 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		woken <-chan struct{}
		limit time.Duration
	}{
		{"what it had fetched", shipments, 5 * time.Second},
		{"what is new", decisions, lateness},
	} {
		select {
		case <-c.woken:
			t.Logf("%s woke after %v", c.name, time.Since(began).Round(time.Millisecond))
		case <-time.After(c.limit):
			t.Errorf("%s does not wake", c.name)
		}
	}
}
