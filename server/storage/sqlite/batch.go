package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// clockError is how far ahead of the clock a read may have begun to be believed: beyond it a clock that was wrong said so, and the order
// would stay as it is until that time had come.
const clockError = time.Hour

// entry is one order of a batch on its way into the database.
type entry struct {
	order    order.Order
	document []byte
	digest   [sha256.Size]byte
	known    *knownOrder // nil for an order that the store did not have
	key      int64       // of the row to write
}

// knownOrder is what a stored order is compared by.
type knownOrder struct {
	key        int64
	number     string
	adapter    string
	version    int
	digest     []byte
	readTime   int64
	status     order.Status
	final      bool
	seenImport int64
}

// batchRun is the state of one ApplyBatch inside its transaction.
type batchRun struct {
	db        *DB
	tx        *sql.Tx
	stmts     *batchStatements
	ref       store.Ref
	storeKey  int64
	importKey int64 // 0 outside an import
	nextOrder int64 // key of the next new order
	seq       int64 // last event number of the store
	time      int64 // change time of everything the batch writes
	readTime  int64 // when the read of the batch began
	now       time.Time
	counts    order.Counts
	// answering is the other adapters of the store, whose orders are not ours to change.
	answering []string
}

// ApplyBatch implements order.Repository. Errors: store.ErrNotFound, ErrImportNotFound; an import that has ended takes
// nothing any more. The change time is Batch.Time, or, when an earlier batch has that or a later one, just after it: within
// a store it only grows, so that a reader who follows it misses nothing.
func (db *DB) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	entries, err := encodeBatch(b.Orders)
	if err != nil {
		return order.Counts{}, fmt.Errorf("apply batch: %w", err)
	}
	var counts order.Counts
	err = db.write(ctx, "apply batch", func(tx *sql.Tx) error {
		run := batchRun{db: db, tx: tx, stmts: &db.batch, now: b.Time, ref: b.Ref, readTime: nanos(b.ReadTime), counts: order.Counts{Read: int64(len(b.Orders)), Missing: int64(b.Missing)}}
		if b.Reread {
			run.counts.Reread = int64(len(b.Orders))
		}
		windows, err := run.begin(ctx, b)
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(entries, chunkSize) {
			if err := run.apply(ctx, chunk); err != nil {
				return err
			}
		}
		counts = run.counts
		return run.end(ctx, b, windows)
	})
	if err != nil {
		return order.Counts{}, err
	}
	return counts, nil
}

// encodeBatch encodes orders, before anything is locked. Of several with one number the last is kept.
func encodeBatch(orders []order.Order) ([]*entry, error) {
	entries := make([]*entry, 0, len(orders))
	index := make(map[string]int, len(orders))
	for _, o := range orders {
		if o.Number == "" {
			return nil, errors.New("an order has no number")
		}
		encoded, err := order.Encode(o)
		if err != nil {
			return nil, err
		}
		e := &entry{order: o, document: encoded, digest: sha256.Sum256(encoded)}
		if i, twice := index[o.Number]; twice {
			entries[i] = e
			continue
		}
		index[o.Number] = len(entries)
		entries = append(entries, e)
	}
	return entries, nil
}

// begin reads the store, the import and where keys go on, and returns the import's windows.
func (r *batchRun) begin(ctx context.Context, b order.Batch) ([]order.Window, error) {
	var (
		lastChange int64
		importKey  sql.Null[int64]
		state      sql.Null[order.ImportState]
		encoded    sql.Null[string]
		turned     bool
		windows    []order.Window
	)
	err := r.tx.QueryRowContext(ctx, `SELECT s.key, s.last_event_seq, s.last_change_time, i.key, i.state, i.windows,
			coalesce(i.turn, 0) <> (SELECT max(seq) FROM turns WHERE store_key = s.key),
			(SELECT coalesce(max(key), 0) + 1 FROM orders)
		FROM stores s LEFT JOIN imports i ON i.store_key = s.key AND i.id = ? WHERE s.id = ?`, b.ImportID, b.Ref.StoreID).
		Scan(&r.storeKey, &r.seq, &lastChange, &importKey, &state, &encoded, &turned, &r.nextOrder)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	r.time = max(nanos(b.Time), lastChange+1)
	if r.answering, err = collect(ctx, r.tx, scanString, `SELECT adapter FROM credentials WHERE store_key = ? AND adapter <> ?`,
		r.storeKey, r.ref.Adapter); err != nil {
		return nil, err
	}
	r.answering = slices.DeleteFunc(r.answering, func(a string) bool { return slices.Contains(b.TakeOver, a) })
	if b.ImportID == "" {
		return nil, nil
	}
	switch {
	case !importKey.Valid:
		return nil, order.ErrImportNotFound
	case state.V != order.Running:
		return nil, notRunning(state.V)
	case turned:
		return nil, order.ErrStoreMoved
	}
	r.importKey = importKey.V
	if err := (jsonColumn[[]order.Window]{&windows}).Scan(encoded.V); err != nil {
		return nil, err
	}
	if (!b.Finished.IsZero() || b.Resumed) && (b.Window < 0 || b.Window >= len(windows)) {
		return nil, fmt.Errorf("the import has %d windows, there is no window %d", len(windows), b.Window)
	}
	return windows, nil
}

// apply stores up to chunkSize orders.
func (r *batchRun) apply(ctx context.Context, entries []*entry) error {
	if err := r.lookUp(ctx, entries); err != nil {
		return err
	}
	var write []*entry
	var seen []int64
	for _, e := range entries {
		switch k := e.known; {
		case k != nil && slices.Contains(r.answering, k.adapter):
			r.counts.Elsewhere++
		case k == nil:
			e.key = r.nextOrder
			r.nextOrder++
			r.counts.Created++
			write = append(write, e)
		case k.same(e) && k.adapter == r.ref.Adapter || r.staler(k):
			r.counts.Unchanged++
			if r.importKey == 0 && !r.staler(k) {
				if err := r.stmts.markRead(ctx, r.tx, r.readTime, k.key); err != nil {
					return err
				}
			}
			if r.importKey != 0 && k.seenImport != r.importKey && !k.final {
				seen = append(seen, k.key)
			}
		default:
			if k.adapter != r.ref.Adapter {
				if err := r.takeOver(ctx, k); err != nil {
					return err
				}
			}
			e.key = k.key
			r.counts.Changed++
			write = append(write, e)
		}
	}
	if len(seen) > 0 {
		if err := r.stmts.markSeen(ctx, r.tx, r.importKey, seen); err != nil {
			return err
		}
	}
	if len(write) == 0 {
		return nil
	}
	return r.write(ctx, write)
}

// staler reports whether the batch was read before what is stored of an order.
func (r *batchRun) staler(k *knownOrder) bool {
	return k.readTime > r.readTime && k.readTime <= nanos(r.now.Add(clockError))
}

// takeOver binds what is open of an order's shipment and decision to the reader's adapter, due at once. The carrier was found in
// the other adapter's list: it has to be found anew. Whoever works on them in this moment finds them changed and reads again.
func (r *batchRun) takeOver(ctx context.Context, k *knownOrder) error {
	for _, x := range []struct {
		table, more string
		kind        Due
	}{
		{"shipments", `, marketplace_carrier = '', carrier_rule = '', carrier_list_age = 0, carrier_tracking_url = ''`, DueShipments},
		{"decisions", ``, DueDecisions},
	} {
		// Due by the clock, not by the change time, which is ahead of it while a clock that was wrong is put right.
		result, err := r.tx.ExecContext(ctx, `UPDATE `+x.table+` SET adapter = ?, next_attempt = ?, failure_count = 0, revision = revision + 1`+x.more+`
			WHERE store_key = ? AND order_number = ? AND open = 1`, r.ref.Adapter, nanos(r.now), r.storeKey, k.number)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if err := r.db.planWake(ctx, r.tx, x.kind, r.now); err != nil {
			return err
		}
	}
	return nil
}

// same reports whether the stored canonical form is the one that was read.
func (k *knownOrder) same(e *entry) bool {
	return k.version == order.EncodingVersion && bytes.Equal(k.digest, e.digest[:])
}

// lookUp finds the entries that the store has already.
func (r *batchRun) lookUp(ctx context.Context, entries []*entry) error {
	numbers := make([]string, len(entries))
	for i, e := range entries {
		numbers[i] = e.order.Number
	}
	known, err := r.stmts.lookUp(ctx, r.tx, r.storeKey, numbers)
	if err != nil || len(known) == 0 {
		return err
	}
	byNumber := make(map[string]*knownOrder, len(known))
	for i := range known {
		byNumber[known[i].number] = &known[i]
	}
	for _, e := range entries {
		e.known = byNumber[e.order.Number]
	}
	return nil
}

// write inserts new orders and replaces changed ones, with their events.
func (r *batchRun) write(ctx context.Context, entries []*entry) error {
	rows := make([]any, 0, len(entries)*orderRow)
	documents := make([]any, 0, len(entries)*documentRow)
	events := make([]any, 0, len(entries)*eventRow)
	for _, e := range entries {
		o := &e.order
		kind, oldStatus, seen := "CREATED", order.Status(""), r.importKey
		if e.known != nil {
			kind, oldStatus = "CHANGED", e.known.status
			if seen == 0 {
				seen = e.known.seenImport
			}
		}
		r.seq++
		rows = append(rows, e.key, r.storeKey, o.Number, o.NativeID, o.Reference, r.ref.Adapter,
			string(o.Status), len(o.NotShippable()) == 0, o.Status.Final(), nanos(o.UpdateTime), nanos(o.ShipBy),
			r.time, r.time, int64(order.EncodingVersion), e.digest[:], seen, r.readTime)
		documents = append(documents, e.key, e.document)
		events = append(events, r.storeKey, r.seq, r.time, kind, o.Number, string(oldStatus), string(o.Status))
	}
	return r.stmts.write(ctx, r.tx, len(entries), rows, documents, events)
}

// end moves the store's counters on and tells the import what was done.
func (r *batchRun) end(ctx context.Context, b order.Batch, windows []order.Window) error {
	if r.counts.Created+r.counts.Changed > 0 {
		if _, err := r.tx.ExecContext(ctx, `UPDATE stores SET last_event_seq = ?, last_change_time = ? WHERE key = ?`,
			r.seq, r.time, r.storeKey); err != nil {
			return err
		}
	}
	if r.importKey == 0 {
		return nil
	}
	if w := b.Window; !b.Finished.IsZero() && b.Finished.After(windows[w].Finished) {
		windows[w].Finished = b.Finished.UTC()
	}
	if b.Resumed {
		windows[b.Window].Resumed++
	}
	encoded, err := toJSON(windows)
	if err != nil {
		return err
	}
	c := r.counts
	_, err = r.tx.ExecContext(ctx, `UPDATE imports SET windows = ?, read_count = read_count + ?,
			created_count = created_count + ?, changed_count = changed_count + ?, unchanged_count = unchanged_count + ?,
			reread_count = reread_count + ?, elsewhere_count = elsewhere_count + ?, missing_count = missing_count + ?
		WHERE key = ?`, encoded, c.Read, c.Created, c.Changed, c.Unchanged, c.Reread, c.Elsewhere, c.Missing, r.importKey)
	return err
}
