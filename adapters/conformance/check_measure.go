package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// What calls may leave behind. In the first blocks heap and caches grow to their size; from then on the collector's waves are all
// that may be seen. A connection that is kept is no leak.
const (
	measuredCalls   = 1000 // of one block
	memoryGrowth    = 24 << 20
	blockGrowth     = 3 << 20
	descriptorsMore = 8
)

// rateJitter is by how much two requests may come closer together than they were sent.
const rateJitter = 300 * time.Millisecond

func measureChecks() []check {
	return []check{
		{Info: Info{
			ID: "memory-flat", Title: "keeps its memory", Sandbox: true,
			Proves: "Of two blocks of 1,000 calls the second leaves the process at most 3 MiB larger than the first, and both at most 24 MiB larger than before (Linux). A leak of 8 KB a call shows.",
		}, alone: true, run: memoryFlat},
		{Info: Info{
			ID: "descriptors-flat", Title: "keeps no files and connections", Sandbox: true,
			Proves: "The process has at most 8 more open descriptors after 200 calls that go well and 200 that fail (Linux).",
		}, alone: true, run: descriptorsFlat},
		{Info: Info{
			ID: "rate-budget-kept", Title: "keeps to its rate", Sandbox: true,
			Proves: "With a budget of 5 requests a second and a burst of 1, concurrent calls make no more requests in any stretch of time, but for 300 ms of jitter.",
		}, alone: true, run: rateKept},
	}
}

// exercise makes n calls of all kinds, one after the other.
func (s *suite) exercise(ctx context.Context, p *process, sh *shop, q question, n int) error {
	reads := s.reads()
	for i := range n {
		r := reads[i%len(reads)]
		call, cancel := context.WithTimeout(ctx, callTimeout)
		_, err := r.call(call, p, sh.store, q)
		cancel()
		if err != nil {
			return failed(fmt.Sprintf("%s, call %d", r.name, i+1), err)
		}
	}
	return nil
}

func memoryFlat(ctx context.Context, s *subject) error {
	sh, p, q, err := s.asked(ctx)
	if err != nil {
		return err
	}
	if _, ok := memory(p.PID()); !ok {
		return skipped("this system does not tell the memory of a process")
	}
	if err := s.exercise(ctx, p, sh, q, measuredCalls/4); err != nil {
		return err
	}
	before, _ := memory(p.PID())
	first, err := s.blockMemory(ctx, p, sh, q)
	if err != nil {
		return err
	}
	second, err := s.blockMemory(ctx, p, sh, q)
	if err != nil {
		return err
	}
	var f findings
	last := second
	if second > first+blockGrowth {
		// A wave of the collector shows in one block. What is kept for good shows in every one.
		if last, err = s.blockMemory(ctx, p, sh, q); err != nil {
			return err
		}
		if last > second+blockGrowth {
			f.addf("the process grew by %d KiB in a block of %d calls and by %d KiB in the next", (second-first)>>10, measuredCalls, (last-second)>>10)
		}
	}
	if last > before+memoryGrowth {
		f.addf("the process grew from %d MiB to %d MiB", before>>20, last>>20)
	}
	return f.err()
}

// blockMemory makes a block of calls and returns the memory that the process had in the middle: of twenty looks at it the median,
// which the collector's waves move little.
func (s *suite) blockMemory(ctx context.Context, p *process, sh *shop, q question) (int64, error) {
	const looks = 20
	var seen []int64
	for range looks {
		if err := s.exercise(ctx, p, sh, q, measuredCalls/looks); err != nil {
			return 0, err
		}
		now, ok := memory(p.PID())
		if !ok {
			return 0, errors.New("the process is gone")
		}
		seen = append(seen, now)
	}
	slices.Sort(seen)
	return seen[looks/2], nil
}

func descriptorsFlat(ctx context.Context, s *subject) error {
	sh, p, q, err := s.asked(ctx)
	if err != nil {
		return err
	}
	if _, ok := descriptors(p.PID()); !ok {
		return skipped("this system does not tell the descriptors of a process")
	}
	if err := s.exercise(ctx, p, sh, q, 50); err != nil {
		return err
	}
	before, _ := descriptors(p.PID())
	if err := s.exercise(ctx, p, sh, q, 200); err != nil {
		return err
	}
	_, remove, err := sh.fault(ctx, control.Fault{On: control.Any, Kind: "http_500"})
	if err != nil {
		return err
	}
	for range 200 / len(s.reads()) {
		if s.exercise(ctx, p, sh, q, 1) == nil {
			return errors.New("a call succeeded while the marketplace answers HTTP 500")
		}
	}
	if err := remove(); err != nil {
		return err
	}
	after, ok := descriptors(p.PID())
	if !ok {
		return errors.New("the process is gone")
	}
	if after > before+descriptorsMore {
		return fmt.Errorf("the process had %d open descriptors, and %d later", before, after)
	}
	return nil
}

func rateKept(ctx context.Context, s *subject) error {
	sh, q, err := s.sample(ctx)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	id, _, err := sh.fault(ctx, control.Fault{On: control.Any, Kind: "latency", Params: map[string]any{"ms": 1}})
	if err != nil {
		return err
	}
	const rate, burst, calls = 5, 1, 10
	store := sh.context(nil)
	store.RateBudget = &adapterv1.RateBudget{RequestsPerSecond: rate, Burst: burst}
	failures := make(chan error, calls)
	for i := range calls {
		go func() {
			reads := s.reads()
			call, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			_, err := reads[i%len(reads)].call(call, p, store, q)
			failures <- err
		}()
	}
	var f findings
	for range calls {
		if err := <-failures; err != nil {
			f.add(failed("a call within the rate", err))
		}
	}
	hits, err := s.sandbox.Hits(ctx, id)
	if err != nil {
		return err
	}
	if len(hits) < calls {
		f.addf("%d calls made only %d requests", calls, len(hits))
	}
	for i := range hits {
		for j := i + 1; j < len(hits); j++ {
			if n, took := j-i+1, hits[j].Sub(hits[i]); float64(n) > burst+rate*(took+rateJitter).Seconds() {
				f.addf("%d requests within %s, %d a second and %d at once are allowed", n, took.Round(time.Millisecond), rate, burst)
				return f.err()
			}
		}
	}
	return f.err()
}
