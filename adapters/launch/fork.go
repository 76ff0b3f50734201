package launch

import (
	"runtime"
	"sync"
)

// onForkThread runs f on the one thread from which this program starts adapters, and returns when f did.
//
// The kernel's parent-death signal follows the thread that forked, not the process: were that thread an ordinary one, the Go
// runtime could end it and so kill a healthy adapter. This thread is locked to a goroutine that never returns. It has no owner
// that stops it, because it must live as long as the program.
func onForkThread(f func()) {
	done := make(chan struct{})
	forkThread() <- func() {
		defer close(done)
		f()
	}
	<-done
}

// forkThread starts the thread at its first use.
var forkThread = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go serveForkThread(work)
	return work
})

// serveForkThread is the thread's goroutine. Tests that look for leaked goroutines leave it out by this name.
func serveForkThread(work <-chan func()) {
	runtime.LockOSThread()
	for f := range work {
		f()
	}
}
