package host

import (
	"slices"
	"sync"
	"time"

	"github.com/relaishq/relais/server/host/release"
)

// Refusal is a swap, rollback or pin that a release was refused at.
type Refusal struct {
	// Time is when it was, UTC.
	Time time.Time
	// Reason says at which step, and why.
	Reason string
}

// maxTried is how many releases are remembered: far more than a plugin directory holds.
const maxTried = 256

// tried remembers what became of the releases that were started or refused since Start, and what was known of them before, for those whose
// files lie in the plugin directory still. It says nothing of whether a release may be tried again.
type tried struct {
	mu  sync.Mutex // guards all
	all []trialOf  // the one that was heard of last at the end, at most maxTried
}

// trialOf is what is known of a release.
type trialOf struct {
	adapter, sum string
	version      string
	refusal      Refusal
}

// of is what is known of a release; nothing of one that is not remembered.
func (t *tried) of(adapter, sum string) trialOf {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := t.indexLocked(adapter, sum); i >= 0 {
		return t.all[i]
	}
	return trialOf{}
}

// described notes the versions of releases that have one.
func (t *tried) described(adapter string, releases ...release.Release) {
	for _, r := range releases {
		if r.Version != "" {
			t.note(adapter, r.SHA256, func(known *trialOf) { known.version = r.Version })
		}
	}
}

// served notes that a release serves: what stood against it does not any more.
func (t *tried) served(adapter string, r release.Release) {
	t.note(adapter, r.SHA256, func(known *trialOf) { known.version, known.refusal = r.Version, Refusal{} })
}

// refused notes that a release was refused.
func (t *tried) refused(adapter, sum string, why Refusal) {
	t.note(adapter, sum, func(known *trialOf) { known.refusal = why })
}

// note changes what is known of a release.
func (t *tried) note(adapter, sum string, change func(*trialOf)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := trialOf{adapter: adapter, sum: sum}
	if i := t.indexLocked(adapter, sum); i >= 0 {
		known = t.all[i]
		t.all = slices.Delete(t.all, i, i+1)
	}
	change(&known)
	t.all = append(t.all, known)
	if len(t.all) > maxTried {
		t.all = slices.Delete(t.all, 0, 1)
	}
}

// indexLocked is where a release stands, or -1.
func (t *tried) indexLocked(adapter, sum string) int {
	return slices.IndexFunc(t.all, func(known trialOf) bool { return known.adapter == adapter && known.sum == sum })
}
