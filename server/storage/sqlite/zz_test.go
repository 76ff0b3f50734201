package sqlite

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river/rivertype"
)

type bubbleClock struct{}

func (bubbleClock) Now() time.Time       { return time.Now() }
func (bubbleClock) NowOrNil() *time.Time { now := time.Now(); return &now }
var _ rivertype.TimeGenerator = bubbleClock{}

func TestZZ(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		q, err := db.startQueue(t.Context(), map[Due]func(){DueShipments: func() { t.Log("woken", time.Since(begin)) }, DueDecisions: func() {}},
			slog.New(slog.NewTextHandler(os.Stderr, nil)), bubbleClock{})
		if err != nil {
			t.Fatal(err)
		}
		tx, _ := db.writer.Begin()
		for _, d := range []time.Duration{0, 0, 1500 * time.Millisecond, 12 * time.Second, time.Hour} {
			if err := db.planWake(t.Context(), tx, DueShipments, begin.Add(d)); err != nil {
				t.Fatal(err)
			}
		}
		tx.Commit()
		time.Sleep(2 * time.Hour)
		rows, _ := collect(t.Context(), db.reader, scanString, `SELECT state || scheduled_at FROM river_job`)
		t.Log(rows)
		if err := q.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}
