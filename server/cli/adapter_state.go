package cli

import (
	"fmt"
	"strings"
	"time"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// slotState is the state of an adapter, and whether the process that serves answers.
func slotState(d *marketplacev1.Adapter) string {
	if d.GetGeneration().GetUnresponsive() {
		return word(d.GetState()) + ", unresponsive"
	}
	return word(d.GetState())
}

// pinState is the state of a pin, and whether the process that serves its store answers.
func pinState(pin *marketplacev1.Pin) string {
	if pin.GetGeneration().GetUnresponsive() {
		return word(pin.GetState()) + ", unresponsive"
	}
	return word(pin.GetState())
}

// shortHash is as much of a hash as tells releases apart.
func shortHash(sum string) string { return fmt.Sprintf("%.12s", sum) }

// pinnedStores counts the stores that are held on a release; empty for none. A pin that ended before its time holds nobody.
func pinnedStores(d *marketplacev1.Adapter) string {
	n := 0
	for _, p := range d.GetPins() {
		if p.GetState() != marketplacev1.Pin_STATE_ENDED {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return count(n)
}

// retiringCount counts the processes that finish their calls; empty for none.
func retiringCount(d *marketplacev1.Adapter) string {
	if len(d.GetRetiring()) == 0 {
		return ""
	}
	return count(int64(len(d.GetRetiring())))
}

// lastSwap is what was asked for last, and what became of it.
func (a *app) lastSwap(d *marketplacev1.Adapter) []fact {
	l := d.GetLastSwap()
	if l == nil {
		return nil
	}
	return []fact{
		{"Last swap", joined(", ", swapGoal(l), a.at(l.GetStartTime()))},
		{"Outcome", swapOutcome(l)},
	}
}

// swapGoal says what a swap is to, and who asked for it.
func swapGoal(l *marketplacev1.LastSwap) string {
	goal := "rollback"
	switch {
	case l.GetRollback():
	case l.GetFile() != "":
		goal = "to " + l.GetFile()
	default:
		goal = "by hash"
	}
	if l.GetOrigin() == marketplacev1.LastSwap_ORIGIN_PLUGIN_WATCH {
		goal += ", found by plugin_watch"
	}
	return goal
}

// swapOutcome says how far a swap got.
func swapOutcome(l *marketplacev1.LastSwap) string {
	step := l.GetStep()
	release := joined(", ", versioned(step), hashed(step))
	switch {
	case cutOff(l):
		return "unknown: " + l.GetFailureMessage()
	case l.GetFailureMessage() != "":
		return joined(": ", joined(" ", "not served", inBrackets(release)), l.GetFailureMessage())
	case l.GetEndTime() == nil:
		return joined(" ", "under way: "+strings.ToLower(word(step.GetKind())), inBrackets(release))
	case step.GetUnchanged():
		return joined(" ", "it served already", inBrackets(release))
	default:
		return joined(" ", "served after "+took(l.GetEndTime().AsTime().Sub(l.GetStartTime().AsTime())), inBrackets(release))
	}
}

// cutOff reports whether the server stopped during a swap, so that nobody knows how it ended.
func cutOff(l *marketplacev1.LastSwap) bool {
	return l.GetEndTime() == nil && l.GetFailureMessage() != ""
}

func versioned(s *marketplacev1.SwapStep) string {
	if s.GetVersion() == "" {
		return ""
	}
	return "version " + s.GetVersion()
}

func hashed(s *marketplacev1.SwapStep) string {
	if s.GetSha256() == "" {
		return ""
	}
	return "sha256 " + shortHash(s.GetSha256())
}

// service is since when a process serves and what it does, or since when the last one served that is gone.
func (a *app) service(g *marketplacev1.Generation) []fact {
	switch {
	case g.GetPid() != 0:
		return []fact{
			{"Serving since", joined(" ", a.at(g.GetStartTime()), inBrackets(a.uptime(g)))}, {"Calls in flight", count(g.GetLeases())},
		}
	case g.GetStartTime() != nil:
		return []fact{{"Served from", a.at(g.GetStartTime())}}
	}
	return nil
}

// uptime is how long the process of a generation has served; empty when none runs.
func (a *app) uptime(g *marketplacev1.Generation) string {
	if g.GetPid() == 0 || g.GetStartTime() == nil {
		return ""
	}
	return a.Now().Sub(g.GetStartTime().AsTime()).Truncate(time.Second).String()
}

// available lists the files that hold another release than the one that is served, and says of those that cannot be served what is wrong.
func available(d *marketplacev1.Adapter) string {
	var files []string
	for _, r := range d.GetReleases() {
		if r.GetDesired() && d.GetState() != marketplacev1.Adapter_STATE_UNLOADED {
			continue
		}
		mark := ""
		if r.GetRefusal() != nil {
			mark = "refused"
		}
		files = append(files, releaseFiles(r, mark))
	}
	return joined(" ", files...)
}

// refusal is when and why a release was refused; empty when it was not.
func (a *app) refusal(r *marketplacev1.Release) string {
	if r.GetRefusal() == nil {
		return ""
	}
	return joined(", ", a.at(r.GetRefusal().GetTime()), r.GetRefusal().GetMessage())
}

// releaseFiles lists the files that hold a release, with a mark or without, and says of those that cannot be served what is wrong.
func releaseFiles(r *marketplacev1.Release, mark string) string {
	var files []string
	for _, f := range r.GetFiles() {
		files = append(files, joined(" ", f, inBrackets(mark)))
	}
	for _, f := range r.GetUnusableFiles() {
		files = append(files, f.GetName()+" "+inBrackets(f.GetFault()))
	}
	return strings.Join(files, " ")
}

// releaseRole says what a release is to its slot. The one that is meant to serve is chosen while it does not.
func releaseRole(d *marketplacev1.Adapter, r *marketplacev1.Release) string {
	role := ""
	switch {
	case r.GetDesired() && d.GetState() == marketplacev1.Adapter_STATE_SERVING:
		role = "serves"
	case r.GetDesired():
		role = "chosen"
	case r.GetPrevious():
		role = "before"
	case r.GetPinned():
	case len(r.GetFiles()) > 0 && r.GetRefusal() != nil:
		role = "refused"
	case len(r.GetFiles()) > 0:
		role = "available"
	default:
		role = "unusable"
	}
	if r.GetPinned() {
		return joined(", ", role, "pinned")
	}
	return role
}

// processID prints the process of a generation; empty when none runs.
func processID(g *marketplacev1.Generation) string {
	if g.GetPid() == 0 {
		return ""
	}
	return count(g.GetPid())
}
