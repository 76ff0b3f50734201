package host

import "sync"

// changes lets any number of watchers wait for the next change of anything that Host.Adapters shows but the count of calls.
type changes struct {
	mu   sync.Mutex // guards next
	next chan struct{}
}

func newChanges() *changes { return &changes{next: make(chan struct{})} }

// notify wakes everyone who waits.
func (c *changes) notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.next)
	c.next = make(chan struct{})
}

// wait returns what is closed at the next change.
func (c *changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}
