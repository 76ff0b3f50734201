package order

import (
	"context"
	"errors"
	"time"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// Errors of a Repository.
var (
	ErrNotFound       = errors.New("order not found")
	ErrImportNotFound = errors.New("import not found")
	ErrMoved          = errors.New("order belongs to another adapter")
	ErrStoreMoved     = errors.New("the store went to another adapter during the import")
)

// NotFound is the problem of an order that a store does not have.
func NotFound(storeID, number string) error {
	return problem.New(problem.NotFound, problem.ReasonOrderNotFound,
		"store %q has no order %q; import orders first, or look for a typing mistake", storeID, number)
}

// Batch is a piece of an import, committed as one.
type Batch struct {
	Ref      store.Ref
	ImportID string // empty when the orders were read outside an import
	Orders   []Order
	Window   int       // index of the window that was read
	Finished time.Time // the window is finished until here; zero when this batch finishes nothing
	Resumed  bool      // another process of the adapter went on with the window: Window.Resumed counts it
	Reread   bool      // the orders were read by number, no window showed them
	Missing  int       // how many open orders were asked for with them, and not shown
	// TakeOver names the adapters whose orders this batch may take over: the store is leaving them and they no longer answer.
	TakeOver []string
	ReadTime time.Time // when the read began: the orders are at least as fresh as that
	Time     time.Time // when the batch is stored
}

// Counts is what a batch did.
type Counts struct {
	Read, Created, Changed, Unchanged, Reread int64
	// Elsewhere is the orders that belong to another adapter of the store and stay as they are.
	Elsewhere int64
	// Missing is the open orders that were asked for by number and not shown. They stay as they are.
	Missing int64
}

// Add adds d to c.
func (c *Counts) Add(d Counts) {
	c.Read += d.Read
	c.Created += d.Created
	c.Changed += d.Changed
	c.Unchanged += d.Unchanged
	c.Reread += d.Reread
	c.Elsewhere += d.Elsewhere
	c.Missing += d.Missing
}

// Position is a place in the list of orders: after the order that changed at this time with this number.
type Position struct {
	ChangeTime time.Time
	Number     string
}

// ListQuery is a page of orders, least recently changed first, then by number.
type ListQuery struct {
	StoreID       string
	After         *Position // exclusive; nil for the first page
	Limit         int
	Statuses      []Status // empty means all
	ShippableOnly bool
	ChangedSince  time.Time // inclusive; zero means all
}

// Identity is what tells an order from others: the number, the id of the marketplace's API when that is another one, and the
// selling channel's own reference, which may be empty.
type Identity struct {
	Number    string
	NativeID  string
	Reference string
}

// Match is a stored order that an identity was found to be.
type Match struct {
	Number  string
	Adapter string // the order's binding
	// Readable is true when the order can be read through the asking adapter under Number: that is its own number, or its
	// reference. Else the order stays with its adapter whatever happens to that.
	Readable bool
}

// Repository is what this package asks of a database. Every method is one transaction.
type Repository interface {
	// ApplyBatch stores orders as they were read: unknown ones are inserted and bound to Ref.Adapter, known ones are
	// written only when their canonical form changed. Each insert and change appends one event with the next number of
	// the store's own sequence. A known order that was written from, or shown by a single read since, a read that began
	// after ReadTime stays as it is (a slow read must not undo a fresh one) and counts as unchanged; not so when that read began
	// more than an hour after Time, by a clock that was wrong. The import's counts and
	// finished window are updated in the same transaction, and each order is marked as seen by the import.
	// An order number that occurs twice in a batch counts twice in Read; the last one wins.
	// A known order that is bound to another adapter belongs to that one and stays as it is, counted in Elsewhere, unless the
	// store holds no credentials for that adapter, or TakeOver names it: then the order, and what is open of its shipment and
	// decision, is bound to Ref.Adapter and due at Time.
	// ErrStoreMoved when the store went to another adapter since the import started: what it planned does not tell any more
	// which adapter an order belongs to.
	ApplyBatch(ctx context.Context, b Batch) (Counts, error)
	// MatchOrders finds the stored orders that orders read through an adapter are: by number, else by the native id of an order
	// that this adapter took over and that has the number of another, else, among the orders bound to other adapters, by a
	// reference that equals a number, else by a reference that both have and no other order has, stored or given. The answer
	// has one entry for each identity, nil for one that is not known.
	MatchOrders(ctx context.Context, ref store.Ref, orders []Identity) ([]*Match, error)
	// GetOrder returns an order by number. ErrNotFound.
	GetOrder(ctx context.Context, storeID, number string) (Stored, error)
	// ListOrders returns a page; its cost depends on Limit, not on how many orders there are.
	ListOrders(ctx context.Context, q ListQuery) ([]Stored, error)
	// UnseenOpenOrders returns the numbers of a store's orders bound to one of the adapters that are not final and were not seen
	// by the import, ordered, after afterNumber.
	UnseenOpenOrders(ctx context.Context, storeID string, adapters []string, importID, afterNumber string, limit int) ([]string, error)

	// StartImport stores a new running import, or returns the running one of the store with joined = true. It notes the start
	// as the first attempt of each adapter of the windows that had none.
	StartImport(ctx context.Context, run Import) (current Import, joined bool, err error)
	// FinishImport stores state, failure and finish time of a run. In the same transaction: for each part that was read to its
	// end the adapter's cursor moves to the run's start; one that failed is noted as failing since the run's start, unless it
	// is noted already or the part is blameless, and its unfinished windows tell why; when the state is Succeeded, the store
	// tells the run as its last import. Counts and finished windows are left as ApplyBatch wrote them.
	FinishImport(ctx context.Context, run Import) error
	// InterruptImports ends every running import as Interrupted with this failure: at start, none can be running.
	InterruptImports(ctx context.Context, now time.Time, why Failure) (int, error)
	// Bindings returns which adapters a store speaks through, and the import cursor of each. store.ErrNotFound.
	Bindings(ctx context.Context, storeID string) (store.Bindings, error)
	// GetImport returns a run. ErrImportNotFound.
	GetImport(ctx context.Context, storeID, id string) (Import, error)
	// ListImports returns a page of runs, newest first; beforeID is exclusive, empty for the first page. Ids sort by time.
	ListImports(ctx context.Context, storeID, beforeID string, limit int) ([]Import, error)
}
