package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// killAll kills processes of both adapters at the same time, a half of n each.
//
// No call fails that could wait or be repeated. relais repeats a read once, and an import goes on once without getting any further: who
// meets the ends of two processes in a row is told, as design section 9 has it. So the next process is killed when everything that
// the last end met has been answered.
func (r *swapRun) killAll(n int) {
	r.eachAdapter(func(i int, api string) {
		for range (n + 1 - i) / 2 {
			old, ok := r.signal(api, syscall.SIGKILL)
			start := time.Now()
			if !ok || !r.awaitSuccessor(api, old, time.Minute) {
				continue
			}
			took := milliseconds(time.Since(start))
			r.mu.Lock()
			r.restarts = append(r.restarts, took)
			r.mu.Unlock()
			r.catchUp(api)
		}
	})
}

// hangAll freezes processes of both adapters at the same time, a half of n each. The issue asks for n hangs, "with a shortened watchdog
// in 10 of them". It is read like this: the watchdog of the whole run asks at short intervals, and each tenth process stays frozen until
// that has replaced it. Its patience is no setting, an answer may take 2 seconds, three times; so a hundred of these would take five
// minutes. The others go on by themselves: their callers wait, and the same process answers them. Most do before the watchdog misses an
// answer, each tenth does after: meanwhile nobody new is sent to it.
func (r *swapRun) hangAll(n int) {
	r.eachAdapter(func(i int, api string) {
		dice := rand.New(rand.NewPCG(r.cfg.seed, uint64(i)))
		for k := range (n + 1 - i) / 2 {
			old, ok := r.signal(api, syscall.SIGSTOP)
			switch {
			case !ok:
			case k%10 == 4:
				r.awaitReplacement(api, old)
			case k%10 == 9:
				r.thaw(api, old, 2700*time.Millisecond)
			default:
				r.thaw(api, old, time.Duration(100+dice.IntN(1400))*time.Millisecond)
			}
		}
	})
}

// awaitReplacement waits until the watchdog has replaced a frozen process.
func (r *swapRun) awaitReplacement(api string, frozen *marketplacev1.Generation) {
	start := time.Now()
	if !r.awaitSuccessor(api, frozen, 20*time.Second) {
		_ = syscall.Kill(int(frozen.GetPid()), syscall.SIGCONT) // else nothing ends
		return
	}
	took := milliseconds(time.Since(start))
	r.mu.Lock()
	r.replaced = append(r.replaced, took)
	r.mu.Unlock()
	r.catchUp(api)
}

// thaw lets a frozen process go on after some time, and expects that it serves as if nothing had been.
func (r *swapRun) thaw(api string, frozen *marketplacev1.Generation, after time.Duration) {
	pause(r.t.Context(), after)
	if err := syscall.Kill(int(frozen.GetPid()), syscall.SIGCONT); err != nil {
		r.chaos.mustNot("let process %d of %s go on after %s: %v", frozen.GetPid(), api, after, err)
		return
	}
	r.until(time.Minute, "answers of "+api, r.load.caughtUp(api, 1)) // nothing ended, so nothing has to be caught up with
	if g := r.adapter(api).GetGeneration(); g.GetNumber() != frozen.GetNumber() {
		r.chaos.mustNot("generation %d of %s was frozen for %s and replaced by %d", frozen.GetNumber(), api, after, g.GetNumber())
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resumed++
}

// signal sends a signal to the process of an adapter.
func (r *swapRun) signal(api string, signal syscall.Signal) (*marketplacev1.Generation, bool) {
	g := r.adapter(api).GetGeneration()
	if g.GetPid() <= 0 {
		r.chaos.mustNot("there is no process of %s to send %s", api, signal)
		return nil, false
	}
	if err := syscall.Kill(int(g.GetPid()), signal); err != nil {
		r.chaos.mustNot("send %s to process %d of %s: %v", signal, g.GetPid(), api, err)
		return nil, false
	}
	return g, true
}

// awaitSuccessor waits until another process serves.
func (r *swapRun) awaitSuccessor(api string, old *marketplacev1.Generation, limit time.Duration) bool {
	return r.until(limit, "a process of "+api+" after generation "+fmt.Sprint(old.GetNumber()), func() bool {
		a := r.adapter(api)
		return a.GetGeneration().GetNumber() > old.GetNumber() && a.GetState() == marketplacev1.Adapter_STATE_SERVING
	})
}

// catchUp waits until every call that waits for an adapter now is answered and enough came after it, and until the import of its store
// has ended that runs now.
func (r *swapRun) catchUp(api string) {
	run := r.running(api)
	r.until(time.Minute, "answers of "+api, r.load.caughtUp(api, goodCalls))
	if run != "" {
		r.awaitEnd(run, time.Minute)
	}
}

// outage is the time in which there was no server.
type outage struct{ from, to time.Time }

// reconnecting is how long a client may take to find a server that is back.
const reconnecting = time.Second

// sort takes the failures out of a measurement that are calls without a server, with their latencies, and counts them. A failure that
// relais itself tells of is never one.
func (o outage) sort(m *measurement) (unserved int) {
	failed := m.failures[:0]
	for _, f := range m.failures {
		if o.explains(f) {
			unserved++
			continue
		}
		failed = append(failed, f)
	}
	m.failures = failed
	return unserved
}

func (o outage) explains(f failure) bool {
	st := status.Convert(f.err)
	return !o.from.IsZero() && st.Code() == codes.Unavailable && len(st.Details()) == 0 &&
		f.ended.After(o.from) && f.began.Before(o.to.Add(reconnecting))
}

// killServer kills the server while shipments are on their way and an import is under way: no adapter process survives it for long, and the next one serves what
// this one served, and goes on with what it left.
func (r *swapRun) killServer() {
	r.t.Helper()
	served := map[string]string{}
	for _, api := range chaosAPIs() {
		served[api] = r.adapter(api).GetGeneration().GetSha256()
	}
	r.eachAdapter(func(_ int, api string) { r.until(time.Minute, "answers of "+api, r.load.caughtUp(api, goodCalls)) })
	r.until(time.Minute, "a shipment on its way and an import under way", func() bool {
		return (r.running(chaosAPIs()[0]) != "" || r.running(chaosAPIs()[1]) != "") && r.chaos.open(r.t.Context())
	})
	r.outage.from = time.Now()
	r.chaos.s.kill(r.chaos.process)
	r.until(5*time.Second, "the end of the adapters after their server was killed", func() bool { return len(r.processes()) == 0 })
	orphans := time.Since(r.outage.from)
	r.chaos.startServer()
	r.chaos.await(r.t.Context())
	for api, sum := range served {
		r.until(time.Minute, "adapter "+api+" after the restart", func() bool {
			return r.adapter(api).GetState() == marketplacev1.Adapter_STATE_SERVING
		})
		if got := r.adapter(api).GetGeneration().GetSha256(); got != sum {
			r.chaos.mustNot("the next server serves release %s of %s, and %s served before", got, api, sum)
		}
	}
	r.outage.to = time.Now()
	fmt.Printf("the server was killed: its adapters were gone after %.0f ms, another one served after %.0f ms\n", milliseconds(orphans),
		milliseconds(r.outage.to.Sub(r.outage.from)))
	r.eachAdapter(func(_ int, api string) { r.importAgain(api) })
}

// importAgain imports a store under load after a restart.
func (r *swapRun) importAgain(api string) {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	run, err := r.chaos.api.ImportOrders(ctx, &marketplacev1.ImportOrdersRequest{Parent: "stores/" + api})
	if err != nil {
		r.chaos.mustNot("no import of %s after the restart: %v", api, err)
		return
	}
	r.awaitEnd(run.GetName(), time.Minute)
	r.until(time.Minute, "answers of "+api, r.load.caughtUp(api, goodCalls))
}
