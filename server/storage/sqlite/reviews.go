package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/decision"
)

// reviewable picks the stores of a lane whose orders are to be judged by another acceptance policy.
const reviewable = `FROM stores s INDEXED BY stores_unjudged
	WHERE s.lane = ? AND s.policy_change > 0 AND s.disconnect_time = 0 AND s.paused = 0`

const dueReviews = `SELECT s.id, s.policy_change ` + reviewable + ` AND s.policy_change <= ? ORDER BY s.policy_change LIMIT ?`

// DueReviews implements decision.ReviewRepository.
func (db *DB) DueReviews(ctx context.Context, lane string, now time.Time, limit int) ([]decision.Review, error) {
	due, err := collect(ctx, db.reader, func(row scanner) (r decision.Review, err error) {
		err = row.Scan(&r.StoreID, timestamp{&r.Change})
		return r, err
	}, dueReviews, lane, nanos(now), limit)
	if err != nil {
		return nil, fmt.Errorf("list due reviews: %w", explain(err))
	}
	return due, nil
}

const nextReview = `SELECT s.policy_change ` + reviewable + ` AND s.policy_change > ? ORDER BY s.policy_change LIMIT 1`

// NextReview implements decision.ReviewRepository.
func (db *DB) NextReview(ctx context.Context, lane string, after time.Time) (time.Time, error) {
	var next time.Time
	err := db.reader.QueryRowContext(ctx, nextReview, lane, nanos(after)).Scan(timestamp{&next})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("find next review: %w", explain(err))
	}
	return next, nil
}

// EndReview implements decision.ReviewRepository.
func (db *DB) EndReview(ctx context.Context, r decision.Review) error {
	return db.write(ctx, "end review", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE stores SET policy_change = 0 WHERE id = ? AND policy_change = ?`, r.StoreID, nanos(r.Change))
		return err
	})
}
