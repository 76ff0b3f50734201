package main

import (
	"sync"
	"time"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// swapped is one swap, or rollback, that succeeded.
type swapped struct {
	api  string
	at   time.Time // when the other release began to serve
	took float64   // milliseconds from the call until then
}

// swapStream is the steps of a swap.
type swapStream interface {
	Recv() (*marketplacev1.SwapStep, error)
}

// swapAll swaps both adapters back and forth in turn, n times in all, and rolls one of them back after every tenth swap, in turn too. A
// process that served before may go on with its part of an import while the next swaps are made.
func (r *swapRun) swapAll(n int) {
	var retiring sync.WaitGroup
	defer retiring.Wait()
	for i := range n {
		api := chaosAPIs()[i%2]
		r.swap(&retiring, api, func() (swapStream, error) {
			return r.chaos.admin.SwapAdapter(r.t.Context(), &marketplacev1.SwapAdapterRequest{Name: "adapters/" + api, File: r.otherFile(api)})
		})
		if i%10 == 9 {
			api = chaosAPIs()[i/10%2]
			r.swap(&retiring, api, func() (swapStream, error) {
				return r.chaos.admin.RollbackAdapter(r.t.Context(), &marketplacev1.RollbackAdapterRequest{Name: "adapters/" + api})
			})
		}
	}
}

// otherFile is the file of the release that does not serve.
func (r *swapRun) otherFile(api string) string {
	serves := r.adapter(api).GetGeneration().GetSha256()
	for sum, file := range r.builds[api] {
		if sum != serves {
			return file
		}
	}
	panic("there are two releases")
}

// swapRetiring is how many processes of an adapter may retire when it is swapped once more: a swap beyond four is refused, and a rollback
// ends the oldest.
const swapRetiring = 3

// swap makes one swap, and returns when the other release serves. The rest of it is followed meanwhile.
func (r *swapRun) swap(retiring *sync.WaitGroup, api string, begin func() (swapStream, error)) {
	r.until(swapCallTimeout, "processes of "+api+" to retire", func() bool { return len(r.adapter(api).GetRetiring()) <= swapRetiring })
	start := time.Now()
	stream, err := begin()
	if err != nil {
		r.chaos.mustNot("a swap of %s failed: %v", api, err)
		return
	}
	next := make(chan struct{}) // closed when another swap may begin
	retiring.Go(func() {
		goOn := sync.OnceFunc(func() { close(next) })
		defer goOn()
		r.follow(api, start, stream, goOn)
	})
	<-next
}

// follow follows a swap to its end. Nothing of it may be noticed: no call is cut short.
func (r *swapRun) follow(api string, start time.Time, stream swapStream, serves func()) {
	for {
		step, err := stream.Recv()
		switch {
		case err != nil:
			r.chaos.mustNot("a swap of %s failed: %v", api, err)
			return
		case step.GetUnchanged():
			r.chaos.mustNot("a swap of %s changed nothing", api)
		case step.GetCutCalls() > 0:
			r.chaos.mustNot("a swap of %s cut %d calls short", api, step.GetCutCalls())
		}
		switch {
		case step.GetKind() == marketplacev1.SwapStep_KIND_PUBLISH && step.GetDone():
			r.mu.Lock()
			r.swaps = append(r.swaps, swapped{api: api, at: time.Now(), took: milliseconds(time.Since(start))})
			r.mu.Unlock()
		case step.GetKind() == marketplacev1.SwapStep_KIND_RETIRE: // the command is over, and another one is taken
			serves()
		case step.GetKind() == marketplacev1.SwapStep_KIND_COMPLETE:
			return
		}
	}
}
