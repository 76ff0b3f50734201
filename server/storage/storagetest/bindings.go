package storagetest

import (
	"testing"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// The other adapters of the shop's marketplace. Their names sort around alpha's, so that an order by name shows.
const (
	beta = "beta"
	aaa  = "aaa"
)

var betaRef = store.Ref{StoreID: shop, Adapter: beta}

// bindings returns the shop's bindings, which both ports tell alike.
func bindings(t *testing.T, r Repositories) store.Bindings {
	t.Helper()
	b, err := r.Stores.Bindings(t.Context(), shop)
	noError(t, err)
	again, err := r.Orders.Bindings(t.Context(), shop)
	noError(t, err)
	same(t, "bindings by the other port", again, b)
	return b
}

// spoken is the adapters of bindings, in their order.
func spoken(b store.Bindings) []string {
	var names []string
	for _, x := range b.Adapters {
		names = append(names, x.Adapter)
	}
	return names
}

// reconnect connects the disconnected shop again through an adapter.
func reconnect(t *testing.T, r Repositories, adapter string, minute int, keys ...string) {
	t.Helper()
	s := newStore(shop)
	s.Adapter, s.Adapters, s.AccountID, s.UpdateTime = adapter, []string{adapter}, adapter+"'s "+shop, at(minute)
	noError(t, r.Stores.ReconnectStore(t.Context(), s, append(keysOf(s), keys...), sealed("again")))
}

// disconnect disconnects the shop.
func disconnect(t *testing.T, r Repositories, minute int) {
	t.Helper()
	_, err := r.Stores.DisconnectStore(t.Context(), shop, at(minute), false)
	noError(t, err)
}

var bindingCases = []testCase{
	{"a store begins with one adapter", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		same(t, "bindings", bindings(t, r), store.Bindings{
			Current: alpha, Origin: alpha, Adapters: []store.Binding{{Adapter: alpha}},
		})
	}},
	{"bindings of an unknown store", func(t *testing.T, r Repositories) {
		connect(t, r, "other")
		_, err := r.Stores.Bindings(t.Context(), shop)
		wantError(t, err, store.ErrNotFound)
		_, err = r.Orders.Bindings(t.Context(), shop)
		wantError(t, err, store.ErrNotFound)
	}},
	{"a store speaks through the adapters that it holds credentials for, that of new orders first", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		speaks := func(what string, want ...string) {
			t.Helper()
			b := bindings(t, r)
			same(t, "bindings "+what, spoken(b), want)
			for _, former := range b.Former {
				same(t, "it left "+former+" and speaks through it "+what, b.Speaks(former), false)
			}
			s, err := r.Stores.GetStore(t.Context(), shop)
			noError(t, err)
			same(t, "adapters of the store "+what, s.Adapters, want)
			same(t, "adapter of new orders "+what, []string{b.Current, s.Adapter}, []string{b.Current, b.Current})
			found, err := r.Stores.FindStore(t.Context(), "market", keysOf(newStore(shop)))
			noError(t, err)
			same(t, "store found "+what, found, s)
			listed, err := r.Stores.ListStores(t.Context(), store.ListQuery{AfterID: "other", Limit: 1, ShowDisconnected: true})
			noError(t, err)
			same(t, "store listed "+what, listed, []store.Store{s})
		}
		speaks("at first", alpha)
		move(t, r, alpha, beta, 10)
		speaks("while it moves", beta, alpha)
		undo(t, r, 20)
		speaks("while it returns", alpha, beta)
		complete(t, r, beta, 30)
		speaks("when it has returned", alpha)
		move(t, r, alpha, aaa, 40)
		speaks("while it moves elsewhere", aaa, alpha)
		undo(t, r, 50)
		speaks("while it returns from there", alpha, aaa)
		disconnect(t, r, 60)
		speaks("without credentials")
		reconnect(t, r, beta, 70)
		speaks("when it is connected again", beta)
	}},
	{"adapters that it holds no credentials for any more are former ones", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		left := func(what string, want ...string) {
			t.Helper()
			same(t, "former adapters "+what, bindings(t, r).Former, want)
		}
		left("at first")
		move(t, r, alpha, beta, 10)
		left("while it moves")
		complete(t, r, alpha, 20)
		left("when it has moved", alpha)
		move(t, r, beta, aaa, 30)
		undo(t, r, 40)
		left("while it returns from elsewhere", alpha)
		complete(t, r, aaa, 50)
		left("when it has returned", aaa, alpha)
		move(t, r, beta, alpha, 60)
		left("while it moves back", aaa)
		disconnect(t, r, 70)
		left("when it is disconnected", aaa, alpha, beta)
		other, err := r.Stores.Bindings(t.Context(), "other")
		noError(t, err)
		same(t, "former adapters of the other store", other.Former, []string{})
	}},
	{"turns tell where new orders went, oldest first", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		var turns []store.Turn
		turned := func(minute int, adapter string) {
			t.Helper()
			turns = append(turns, store.Turn{At: at(minute), Adapter: adapter})
			b := bindings(t, r)
			same(t, "turns", b.Turns, turns)
			same(t, "current, origin", []string{b.Current, b.Origin}, []string{adapter, alpha})
			if !b.Moved {
				t.Error("the store was never bound to two adapters")
			}
		}
		move(t, r, alpha, beta, 10)
		turned(10, beta)
		undo(t, r, 20)
		turned(20, alpha)
		move(t, r, alpha, beta, 30)
		turned(30, beta)
		undo(t, r, 40)
		turned(40, alpha)
		complete(t, r, beta, 50)
		move(t, r, alpha, aaa, 60)
		turned(60, aaa)
		complete(t, r, alpha, 70)
		move(t, r, aaa, alpha, 80)
		turned(80, alpha)
		other, err := r.Stores.Bindings(t.Context(), "other")
		noError(t, err)
		same(t, "turns of the other store", other.Turns, []store.Turn{})
	}},
	{"connecting again through another adapter is a turn, through the same one none", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		disconnect(t, r, 10)
		reconnect(t, r, alpha, 20)
		same(t, "bindings", bindings(t, r), store.Bindings{Current: alpha, Origin: alpha, Adapters: []store.Binding{{Adapter: alpha}}})
		disconnect(t, r, 30)
		reconnect(t, r, beta, 40)
		same(t, "bindings", bindings(t, r), store.Bindings{
			Current: beta, Origin: alpha, Moved: true, Adapters: []store.Binding{{Adapter: beta}}, Former: []string{alpha},
			Turns: []store.Turn{{At: at(40), Adapter: beta}},
		})
	}},
}

// cursorOf is the import cursor of one of the shop's adapters.
func cursorOf(t *testing.T, r Repositories, adapter string) store.Binding {
	t.Helper()
	for _, b := range bindings(t, r).Adapters {
		if b.Adapter == adapter {
			return b
		}
	}
	t.Fatalf("the shop does not speak through %s", adapter)
	panic("unreachable")
}

// runOf is a run of the shop with a window through each of the adapters.
func runOf(id string, minute int, adapters ...string) order.Import {
	run := order.Import{ID: id, StoreID: shop, State: order.Running, Start: at(minute)}
	for _, a := range adapters {
		run.Windows = append(run.Windows, order.Window{Adapter: a, Axis: order.Created, Since: at(-1000), Until: at(minute)})
	}
	return run
}

// begin starts a run, which must not join another.
func begin(t *testing.T, r Repositories, run order.Import) order.Import {
	t.Helper()
	started, joined, err := r.Orders.StartImport(t.Context(), run)
	noError(t, err)
	if joined {
		t.Fatalf("import %s joined %s", run.ID, started.ID)
	}
	return started
}

// importThrough starts a run at a minute and ends it with parts, of which those with a reason failed.
func importThrough(t *testing.T, r Repositories, minute int, state order.ImportState, parts ...order.Part) {
	t.Helper()
	var adapters []string
	for _, p := range parts {
		adapters = append(adapters, p.Adapter)
	}
	run := begin(t, r, runOf(numbered("i", minute), minute, adapters...))
	run.State, run.Finish, run.Parts = state, at(minute+1), parts
	noError(t, r.Orders.FinishImport(t.Context(), run))
}

var (
	alphaRead   = order.Part{Adapter: alpha}
	alphaFailed = order.Part{Adapter: alpha, Failure: order.Failure{Reason: "DOWN", Message: "alpha is down"}}
	betaRead    = order.Part{Adapter: beta}
	betaFailed  = order.Part{Adapter: beta, Failure: order.Failure{Reason: "DOWN", Message: "beta is down"}}
)

var cursorCases = []testCase{
	{"a start is the first attempt of each adapter of its windows that had none", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		begin(t, r, runOf("i1", 5, alpha))
		if _, joined, err := r.Orders.StartImport(t.Context(), runOf("i2", 6, alpha, beta)); err != nil || !joined {
			t.Fatalf("joined %t, %v", joined, err)
		}
		finish(t, r, "i1", order.Failed)
		move(t, r, alpha, beta, 10)
		same(t, "alpha", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(5)})
		begin(t, r, runOf("i3", 15, alpha))
		same(t, "beta before any run", cursorOf(t, r, beta), store.Binding{Adapter: beta})
		finish(t, r, "i3", order.Failed)
		begin(t, r, runOf("i4", 20, beta, alpha))
		same(t, "alpha", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(5)})
		same(t, "beta", cursorOf(t, r, beta), store.Binding{Adapter: beta, FirstAttempt: at(20)})
		other, err := r.Stores.Bindings(t.Context(), "other")
		noError(t, err)
		same(t, "other store", other.Adapters, []store.Binding{{Adapter: alpha}})
	}},
	{"a part that was read moves its cursor, whatever became of the run and of other parts", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		move(t, r, alpha, beta, 5)
		for i, state := range []order.ImportState{order.Failed, order.Interrupted, order.Succeeded} {
			minute := 10 * (i + 1)
			importThrough(t, r, minute, state, betaRead, alphaFailed)
			same(t, "alpha", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10), FailingSince: at(10)})
			same(t, "beta", cursorOf(t, r, beta), store.Binding{Adapter: beta, FirstAttempt: at(10), ImportStart: at(minute)})
		}
		other, err := r.Stores.Bindings(t.Context(), "other")
		noError(t, err)
		same(t, "other store", other.Adapters, []store.Binding{{Adapter: alpha}})
	}},
	{"an adapter fails since the first run that it failed in, until one reads it", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		importThrough(t, r, 10, order.Succeeded, alphaRead)
		importThrough(t, r, 20, order.Failed, alphaFailed)
		importThrough(t, r, 30, order.Failed, alphaFailed)
		same(t, "failing", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10), ImportStart: at(10), FailingSince: at(20)})
		importThrough(t, r, 40, order.Succeeded, alphaRead)
		same(t, "read again", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10), ImportStart: at(40)})
		importThrough(t, r, 50, order.Failed, alphaFailed)
		same(t, "failing again", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10), ImportStart: at(40), FailingSince: at(50)})
	}},
	{"a part that failed without its adapter's fault counts neither way", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 5)
		blameless := alphaFailed
		blameless.Blameless = true
		importThrough(t, r, 10, order.Failed, betaRead, blameless)
		same(t, "alpha", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10)})
		run, err := r.Orders.GetImport(t.Context(), shop, numbered("i", 10))
		noError(t, err)
		same(t, "failure of its window", run.Windows[1].Failure, alphaFailed.Failure)
		importThrough(t, r, 20, order.Failed, betaRead, alphaFailed)
		importThrough(t, r, 30, order.Failed, betaRead, blameless)
		same(t, "alpha", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10), FailingSince: at(20)})
	}},
	{"a part that was interrupted stays where it was", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 5)
		importThrough(t, r, 10, order.Failed, betaRead, alphaFailed)
		before := bindings(t, r)
		run := begin(t, r, runOf("i2", 20, beta, alpha))
		run.State, run.Finish, run.Failure = order.Interrupted, at(21), stopped
		noError(t, r.Orders.FinishImport(t.Context(), run))
		same(t, "bindings", bindings(t, r), before)
		begin(t, r, runOf("i3", 30, beta, alpha))
		_, err := r.Orders.InterruptImports(t.Context(), at(31), stopped)
		noError(t, err)
		same(t, "bindings after a crash", bindings(t, r), before)
	}},
	{"the unfinished windows of a part that failed tell why", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 5)
		run := begin(t, r, runOf("i1", 10, beta, alpha, alpha, alpha))
		for window, finished := range map[int]int{1: 10, 2: 9} { // one to its end, one nearly
			applyBatch(t, r, order.Batch{Ref: shopRef, ImportID: "i1", Window: window, Finished: at(finished), Time: at(11)})
			run.Windows[window].Finished = at(finished)
		}
		run.State, run.Finish, run.Parts = order.Succeeded, at(12), []order.Part{betaRead, alphaFailed}
		noError(t, r.Orders.FinishImport(t.Context(), run))
		run.Windows[2].Failure, run.Windows[3].Failure = alphaFailed.Failure, alphaFailed.Failure
		got, err := r.Orders.GetImport(t.Context(), shop, "i1")
		noError(t, err)
		same(t, "windows", got.Windows, run.Windows)
	}},
	{"the store tells the last run that succeeded, with or without a part that failed", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 5)
		told := func(start, finish int) {
			t.Helper()
			s, err := r.Stores.GetStore(t.Context(), shop)
			noError(t, err)
			same(t, "start", s.LastImportStart, at(start))
			same(t, "finish", s.LastImportFinish, at(finish))
		}
		importThrough(t, r, 10, order.Succeeded, betaRead, alphaFailed)
		told(10, 11)
		importThrough(t, r, 20, order.Failed, betaRead, alphaRead)
		told(10, 11)
		importThrough(t, r, 30, order.Interrupted, betaRead, alphaRead)
		told(10, 11)
		importThrough(t, r, 40, order.Succeeded, betaFailed, alphaRead)
		told(40, 41)
	}},
	{"new credentials of a move have not failed yet", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		move(t, r, alpha, beta, 5)
		undo(t, r, 6)
		importThrough(t, r, 10, order.Failed, alphaFailed, betaFailed)
		move(t, r, alpha, beta, 20)
		same(t, "alpha", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10), FailingSince: at(10)})
		same(t, "beta", cursorOf(t, r, beta), store.Binding{Adapter: beta, FirstAttempt: at(10)})
	}},
	{"a cursor outlives the credentials", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		importThrough(t, r, 10, order.Succeeded, alphaRead)
		move(t, r, alpha, beta, 20)
		complete(t, r, alpha, 30)
		move(t, r, beta, alpha, 40)
		same(t, "alpha", cursorOf(t, r, alpha), store.Binding{Adapter: alpha, FirstAttempt: at(10), ImportStart: at(10)})
	}},
}
