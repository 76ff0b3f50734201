package cli

import (
	"fmt"
	"strings"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// slotState is the state of an adapter, and whether the process that serves answers.
func slotState(d *marketplacev1.Adapter) string {
	if d.GetGeneration().GetUnresponsive() {
		return word(d.GetState()) + ", unresponsive"
	}
	return word(d.GetState())
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
	if !l.GetRollback() {
		goal = "to " + l.GetFile()
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
