package main

import (
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

// swapAll swaps both adapters back and forth at the same time, a half of n each, and rolls each back after every tenth of its swaps.
func (r *swapRun) swapAll(n int) {
	r.eachAdapter(func(i int, api string) {
		for k := range (n + 1 - i) / 2 {
			r.swap(api, func() (swapStream, error) {
				return r.chaos.admin.SwapAdapter(r.t.Context(), &marketplacev1.SwapAdapterRequest{Name: "adapters/" + api, File: r.otherFile(api)})
			})
			if k%10 == 9 || k == 0 && n < 20 { // a small run rolls back too
				r.swap(api, func() (swapStream, error) {
					return r.chaos.admin.RollbackAdapter(r.t.Context(), &marketplacev1.RollbackAdapterRequest{Name: "adapters/" + api})
				})
			}
		}
	})
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

// swap makes one swap, and waits for the end of the process that served before. Nothing of it may be noticed: no call is cut short.
func (r *swapRun) swap(api string, begin func() (swapStream, error)) {
	start := time.Now()
	stream, err := begin()
	for err == nil {
		var step *marketplacev1.SwapStep
		switch step, err = stream.Recv(); {
		case err != nil:
		case step.GetKind() == marketplacev1.SwapStep_KIND_PUBLISH && step.GetDone():
			r.mu.Lock()
			r.swaps = append(r.swaps, swapped{api: api, at: time.Now(), took: milliseconds(time.Since(start))})
			r.mu.Unlock()
		case step.GetUnchanged():
			r.chaos.mustNot("a swap of %s changed nothing", api)
		case step.GetCutCalls() > 0:
			r.chaos.mustNot("a swap of %s cut %d calls short", api, step.GetCutCalls())
		case step.GetKind() == marketplacev1.SwapStep_KIND_COMPLETE:
			return
		}
	}
	r.chaos.mustNot("a swap of %s failed: %v", api, err)
}
