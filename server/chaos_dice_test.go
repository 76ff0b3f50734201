package main

import (
	"math/rand/v2"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
)

// dice draws everything that is random.
type dice struct{ *rand.Rand }

func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

// upTo draws a time from 1 ms to limit, in whole milliseconds as faults are told.
func (d dice) upTo(limit time.Duration) time.Duration {
	return time.Duration(1+d.Int64N(limit.Milliseconds())) * time.Millisecond
}

func oneOf[T any](d dice, list []T) T { return list[d.IntN(len(list))] }

// fault draws what fails for whichever order comes first, on which marketplace API, how, and how often in a row.
func (d dice) fault() fault.Rule {
	api := oneOf(d, chaosAPIs())
	switch x := d.IntN(10); {
	case x < 3:
		return d.among(fault.Ship, api, d.shipFaults())
	case x < 7:
		return d.among(fault.Get, api, d.readFaults())
	case x < 9:
		return d.among(fault.List, api, d.readFaults())
	default:
		return d.among(fault.Token, api, d.tokenFaults())
	}
}

// among draws one of the kinds for calls of that purpose.
func (d dice) among(on fault.Action, api string, kinds []fault.Rule) fault.Rule {
	r := oneOf(d, kinds)
	r.On, r.API, r.Times = on, api, 1+d.IntN(3)
	if r.Kind == fault.Latency || r.Kind == fault.ApplyLate { // delays of several rules add up
		r.Times = 1
	}
	return r
}

// shipFaults are the ways in which a ship request may end.
func (d dice) shipFaults() []fault.Rule {
	applied := func(k fault.Kind) fault.Rule { return fault.Rule{Kind: k, Params: fault.Params{Apply: true}} }
	return append(d.everywhere(),
		applied(fault.HTTP500), applied(fault.HTTP503), applied(fault.HTML), applied(fault.Malformed),
		fault.Rule{Kind: fault.CutAfter}, fault.Rule{Kind: fault.CutAfter}, fault.Rule{Kind: fault.CutMid}, fault.Rule{Kind: fault.Truncated},
		fault.Rule{Kind: fault.ApplyLate, Params: fault.Params{Milliseconds: int(d.upTo(chaosLate).Milliseconds())}},
		fault.Rule{Kind: fault.ApplyLate, Params: fault.Params{Milliseconds: int(d.upTo(chaosLate).Milliseconds())}},
		fault.Rule{Kind: fault.TokenExpired}, fault.Rule{Kind: fault.TokenLapsed}, d.quota(),
	)
}

// readFaults are the ways in which a read may end.
func (d dice) readFaults() []fault.Rule {
	return append(d.everywhere(),
		fault.Rule{Kind: fault.Malformed}, fault.Rule{Kind: fault.CutMid}, fault.Rule{Kind: fault.Truncated},
		fault.Rule{Kind: fault.TokenExpired}, fault.Rule{Kind: fault.TokenLapsed}, d.quota(),
	)
}

// tokenFaults are the ways in which a token may not be had. A page or nonsense in place of a token is also what some marketplaces
// answer to wrong credentials: once is not enough to give a store up.
func (d dice) tokenFaults() []fault.Rule {
	return append(d.everywhere(), fault.Rule{Kind: fault.Malformed})
}

// everywhere are the faults that every call may meet. Waits before a call is carried out are short: what is still waiting when
// its caller dies is applied that much later.
func (d dice) everywhere() []fault.Rule {
	return []fault.Rule{
		{Kind: fault.CutBefore}, {Kind: fault.CutBefore}, {Kind: fault.HTTP500}, {Kind: fault.HTTP503}, {Kind: fault.HTML},
		{Kind: fault.Throttle}, {Kind: fault.Throttle, Params: fault.Params{Seconds: 1}},
		{Kind: fault.Latency, Params: fault.Params{Milliseconds: int(d.upTo(100 * time.Millisecond).Milliseconds())}},
		{Kind: fault.Latency, Params: fault.Params{Milliseconds: int(d.upTo(chaosLate).Milliseconds()), Apply: true}},
	}
}

func (d dice) quota() fault.Rule {
	return fault.Rule{Kind: fault.Quota, Params: fault.Params{Seconds: 1 + d.IntN(2)}}
}
