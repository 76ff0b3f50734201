package due

import (
	"maps"
	"sync"
	"time"
)

// claims is the items of a lane that nobody else may begin: those that are worked on, and those that are left alone after a failure.
type claims[G comparable] struct {
	mu      sync.Mutex // guards the fields below; never held across I/O
	items   map[string]claim[G]
	groups  map[G]int // items that are worked on, by group; only groups that have some
	workers int
	working int // items that are worked on
}

type claim[G comparable] struct {
	group   G
	working bool // false while the item is left alone
}

func newClaims[G comparable](workers int) *claims[G] {
	return &claims[G]{items: make(map[string]claim[G]), groups: make(map[G]int), workers: workers}
}

// underWay is what was claimed before a look. The rows that the look reads may be older than what ends meanwhile.
type underWay[G comparable] struct {
	items map[string]claim[G]
	share int // how many items of a group may be worked on
	full  []G // groups that have that many
	free  int // how many items more can be worked on
}

// under tells what is under way when each group has a share of the workers.
func (c *claims[G]) under(share int) underWay[G] {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := underWay[G]{items: maps.Clone(c.items), share: share, free: c.workers - c.working}
	for g, n := range c.groups {
		if n >= share {
			u.full = append(u.full, g)
		}
	}
	return u
}

// complete reports whether everybody works.
func (c *claims[G]) complete() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.working == c.workers
}

// look asks for as much as can be begun. Claimed items are most likely still due: it asks for enough to see past those that are not
// left out with their group.
func (u underWay[G]) look(lane string, now time.Time) Look[G] {
	full := make(map[G]bool, len(u.full))
	for _, g := range u.full {
		full[g] = true
	}
	claimed := 0
	for _, c := range u.items {
		if !full[c.group] {
			claimed++
		}
	}
	return Look[G]{Lane: lane, Now: now, Limit: u.free + claimed, PerGroup: u.share + claimed, Without: u.full}
}

// claim claims an item of a look to be worked on. It refuses one that was claimed before the look, even if that has ended: its row may
// have been read before it was changed.
func (c *claims[G]) claim(id string, group G, under underWay[G]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, before := under.items[id]
	_, now := c.items[id]
	if before || now || c.working == c.workers || c.groups[group] >= under.share {
		return false
	}
	c.items[id] = claim[G]{group: group, working: true}
	c.groups[group]++
	c.working++
	return true
}

// leave ends the work on an item and gives its place to others; the item stays claimed.
func (c *claims[G]) leave(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	group := c.items[id].group
	c.items[id] = claim[G]{group: group}
	c.working--
	if c.groups[group]--; c.groups[group] == 0 {
		delete(c.groups, group)
	}
}

// release ends the claim of an item that was left.
func (c *claims[G]) release(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.items, id)
}
