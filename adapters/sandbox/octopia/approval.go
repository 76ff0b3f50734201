package octopia

import (
	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// readApproval reads what the seller decided (octopia-rest.md 6.1). The key is in snake case.
func (c *call) readApproval() (string, *problem) {
	var body struct {
		Status *string `json:"approval_status"`
	}
	if p := c.readJSON(&body); p != nil {
		return "", p
	}
	switch {
	case body.Status == nil:
		return "", invalid("approval_status", "The approval_status field is required.")
	case *body.Status != accepted && *body.Status != refused:
		return *body.Status, invalid("approval_status", "The value '"+*body.Status+"' is not valid.")
	default:
		return *body.Status, nil
	}
}

// describeApproval tells the log what is asked for.
func (f *Face) describeApproval(c *call) world.Write {
	w := c.entry()
	w.RequestedState, _ = c.readApproval()
	switch w.RequestedState {
	case accepted:
		w.Action = world.Accept
	case refused:
		w.Action = world.Refuse
	}
	return w
}

// approve accepts or refuses an order as a whole.
func (f *Face) approve(c *call) face.Answer {
	status, p := c.readApproval()
	if p != nil {
		return f.refuse(c, p)
	}
	action, next := world.Accept, world.LineAccepted
	if status == refused {
		action, next = world.Refuse, world.LineRefused
	}
	return f.perform(c, func(o world.Order) (world.Change, *problem) {
		change := world.Change{Action: action, LineStates: make([]world.LineState, len(o.Lines))}
		for i, l := range o.Lines {
			change.LineStates[i] = l.State
			if l.State.Open() {
				change.LineStates[i] = next
			}
		}
		return change, judgeApproval(&o.Head, orderStatus(&o.Head, f.World.Clock().Now()))
	})
}

// judgeApproval lets orders of Cdiscount pass that wait for it (octopia-rest.md 6.1). The texts are inferred.
func judgeApproval(h *world.Head, status string) *problem {
	var p *problem
	switch {
	case channelID(h) != cdiscountFrance:
		p = invalid("salesChannelId", "Only orders of CDISFR can be approved")
	case status != waitingAcceptance:
		p = invalid("status", "Only WaitingAcceptance orders can be approved")
	default:
		return nil
	}
	p.Detail = "Order cannot be accepted in its current status"
	return p
}
