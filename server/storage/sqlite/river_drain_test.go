package sqlite

import (
	"log/slog"
	"path/filepath"
	"testing"
)

// BenchmarkDrain measures how fast the wake-ups of a long outage are worked off.
func BenchmarkDrain(b *testing.B) {
	const backlog = 10_000
	jobs := 0
	for b.Loop() {
		b.StopTimer()
		db, err := Open(b.Context(), filepath.Join(b.TempDir(), "relais.db"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := db.writer.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?)
			INSERT INTO river_job (kind, queue, max_attempts, scheduled_at) SELECT ?, ?, ?, datetime('now', 'subsec', -i || ' seconds') FROM n`,
			backlog, DueShipments, dueQueue, maxAttempts); err != nil {
			b.Fatal(err)
		}
		woken := make(chan struct{}, backlog)
		b.StartTimer()
		q, err := db.StartQueue(b.Context(), map[Due]func(){
			DueShipments: func() { woken <- struct{}{} }, DueDecisions: func() {},
		}, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		for range backlog {
			<-woken
		}
		if err := q.Stop(b.Context()); err != nil {
			b.Error(err)
		}
		jobs += backlog
		b.StopTimer()
		if err := db.Close(); err != nil {
			b.Error(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(jobs)/b.Elapsed().Seconds(), "jobs/s")
}
