package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// check is one check: its description and what it does. A nil error is a pass; skipped makes one that skips.
type check struct {
	Info
	// alone keeps other checks from running at the same time: what it measures would be theirs too.
	alone bool
	run   func(ctx context.Context, s *subject) error
}

// skipError says why a check does not apply.
type skipError struct{ reason string }

// Error returns the reason.
func (e *skipError) Error() string { return e.reason }

// skipped makes the error of a check that does not apply.
func skipped(format string, args ...any) error { return &skipError{fmt.Sprintf(format, args...)} }

// Verify runs the checks that Options.Run picks and calls report for each, in the order of Checks and never concurrently, as soon
// as its result and all before it are known. report may be nil.
//
// The error is set when nothing can be said of the adapter: its binary does not start (a *launch.StartError), the sandbox does not
// answer or does not speak the adapter's API, or ctx ended. Failed checks are not an error: see Summary.Failed.
func Verify(ctx context.Context, options Options, report func(Result)) (Summary, error) {
	options = options.withDefaults()
	begin := time.Now()
	var picked []check
	for _, c := range checks() {
		if options.Run(c.Info) {
			picked = append(picked, c)
		}
	}
	s, err := newSuite(ctx, options)
	if err != nil {
		return Summary{}, err
	}
	defer s.close()
	summary := Summary{
		Adapter: s.description.GetAdapter(), Version: s.description.GetVersion(), Marketplace: s.description.GetMarketplace(),
	}
	reporter := &reporter{report: report, results: make([]*Result, len(picked)), summary: &summary}
	s.runAll(ctx, picked, reporter.put)
	summary.Took = time.Since(begin)
	if err := ctx.Err(); err != nil {
		return summary, fmt.Errorf("verify %s: %w", options.Adapter, err)
	}
	return summary, nil
}

// reporter reports results in the order of the checks.
type reporter struct {
	report func(Result)

	mu      sync.Mutex // guards the fields below, and serialises report
	results []*Result
	next    int // the first result that was not reported
	summary *Summary
}

// put takes the result of the check at that index and reports what can be reported by now.
func (r *reporter) put(index int, result Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[index] = &result
	for r.next < len(r.results) && r.results[r.next] != nil {
		done := *r.results[r.next]
		r.next++
		switch done.Outcome {
		case Pass:
			r.summary.Passed++
		case Fail:
			r.summary.Failed++
		case Skip:
			r.summary.Skipped++
		}
		if r.report != nil {
			r.report(done)
		}
	}
}

// runAll runs the checks and gives each result to put: first those that may run beside each other, then the rest one by one.
func (s *suite) runAll(ctx context.Context, picked []check, put func(int, Result)) {
	places := make(chan struct{}, s.options.Parallel)
	var running sync.WaitGroup
	for i, c := range picked {
		if c.alone {
			continue
		}
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			put(i, s.runOne(ctx, c))
		})
	}
	running.Wait()
	for i, c := range picked {
		if c.alone {
			put(i, s.runOne(ctx, c))
		}
	}
}

// runOne runs one check with processes of its own, so that whatever one check does to an adapter cannot fail another.
func (s *suite) runOne(ctx context.Context, c check) Result {
	begin := time.Now()
	err := s.attempt(ctx, c)
	result := Result{ID: c.ID, Title: c.Title, Outcome: Pass, Took: time.Since(begin)}
	var skip *skipError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		result.Outcome, result.Detail = Skip, "the verification was stopped"
	case errors.As(err, &skip):
		result.Outcome, result.Detail = Skip, skip.reason
	default:
		result.Outcome, result.Detail = Fail, s.mask(strings.TrimSpace(err.Error()))
	}
	return result
}

// attempt runs a check and then asks whether its processes survived it.
func (s *suite) attempt(ctx context.Context, c check) (err error) {
	if c.Sandbox && s.sandbox == nil {
		return skipped("it needs a sandbox")
	}
	limited, cancel := context.WithTimeout(ctx, s.options.CheckTimeout)
	defer cancel()
	subject := newSubject(s, c.ID)
	defer func() {
		// The processes end however the check ended, also when its time is over.
		if stopErr := subject.stop(context.WithoutCancel(ctx)); stopErr != nil {
			err = errors.Join(err, stopErr)
		}
	}()
	err = c.run(limited, subject)
	var skip *skipError
	if errors.As(err, &skip) {
		return err
	}
	if limited.Err() != nil && ctx.Err() == nil {
		err = errors.Join(err, fmt.Errorf("the check did not end within %s", s.options.CheckTimeout))
	}
	return errors.Join(err, subject.dead())
}
