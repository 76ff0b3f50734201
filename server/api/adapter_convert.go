package api

import (
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
)

func adapterToProto(s host.Status, files []host.File) *marketplacev1.Adapter {
	out := &marketplacev1.Adapter{
		Name: adapterName(s.Name), DisplayName: s.DisplayName, Marketplace: s.Marketplace,
		State:        marketplacev1.Adapter_State(marketplacev1.Adapter_State_value["STATE_"+s.State.String()]),
		RestartCount: int32(s.Restarts), Message: s.Message, //nolint:gosec // far fewer
		Generation: generationToProto(s.Generation), Releases: releases(s, files), RetryTime: timestamp(s.RetryTime),
		LastSwap: lastSwapToProto(s.LastSwap),
	}
	if r := s.LastRestart; !r.Time.IsZero() {
		out.LastRestart = &marketplacev1.Restart{Time: timestamp(r.Time), Reason: r.Reason}
	}
	for _, g := range s.Retiring {
		out.Retiring = append(out.Retiring, generationToProto(g))
	}
	for _, p := range s.Pins {
		out.Pins = append(out.Pins, pinToProto(p))
	}
	for _, f := range s.Description.GetCredentialFields() {
		out.CredentialFields = append(out.CredentialFields, &marketplacev1.CredentialField{
			Key: f.GetKey(), DisplayName: f.GetDisplayName(), Description: f.GetDescription(),
			Secret: f.GetSecret(), Optional: f.GetOptional(),
		})
	}
	return out
}

func lastSwapToProto(l *host.LastSwap) *marketplacev1.LastSwap {
	if l == nil {
		return nil
	}
	out := &marketplacev1.LastSwap{
		StartTime: timestamp(l.StartTime), EndTime: timestamp(l.EndTime), Rollback: l.Rollback, File: l.File,
		Origin: marketplacev1.LastSwap_ORIGIN_OPERATOR, FailureReason: l.Failure.Reason, FailureMessage: l.Failure.Message,
	}
	if l.Step.Kind != 0 {
		out.Step = stepToProto(l.Step)
	}
	if l.Watched {
		out.Origin = marketplacev1.LastSwap_ORIGIN_PLUGIN_WATCH
	}
	return out
}

// pinStates are the states in which a pinned release can be.
var pinStates = map[host.State]marketplacev1.Pin_State{
	host.Starting:     marketplacev1.Pin_STATE_STARTING,
	host.Serving:      marketplacev1.Pin_STATE_SERVING,
	host.Restarting:   marketplacev1.Pin_STATE_RESTARTING,
	host.CrashLooping: marketplacev1.Pin_STATE_RESTARTING, // for a moment: then the pin ends
	host.Stopped:      marketplacev1.Pin_STATE_STOPPED,
}

func pinToProto(p host.Pin) *marketplacev1.Pin {
	out := &marketplacev1.Pin{
		Store: storeName(p.Store), Sha256: p.Release.SHA256, Version: p.Release.Version, ExpireTime: timestamp(p.ExpireTime),
		State: pinStates[p.State], Message: p.Message, RestartCount: int32(p.Restarts), //nolint:gosec // far fewer
	}
	if p.Ended != "" {
		out.State = marketplacev1.Pin_STATE_ENDED
	}
	if p.Generation.Number != 0 {
		out.Generation = generationToProto(p.Generation)
	}
	return out
}

func generationToProto(g host.Generation) *marketplacev1.Generation {
	return &marketplacev1.Generation{
		Number: g.Number, Version: g.Release.Version, Sha256: g.Release.SHA256, Pid: int32(g.PID), Protocol: g.Protocol, //nolint:gosec // a process id
		RetireTime: timestamp(g.RetireTime), RetireDeadlineTime: timestamp(g.RetireDeadline),
		StartTime: timestamp(g.StartTime), Leases: int32(g.Leases), Unresponsive: g.Unresponsive, //nolint:gosec // far fewer
	}
}

// releases lists what can be served: first what is meant to, then what served before, then what stores are pinned to, then what lies in
// the plugin directory. Files that cannot be read are left out.
func releases(s host.Status, files []host.File) []*marketplacev1.Release {
	var all []*marketplacev1.Release
	find := func(r release.Release) *marketplacev1.Release {
		for _, known := range all {
			if known.GetSha256() == r.SHA256 {
				return known
			}
		}
		known := &marketplacev1.Release{Sha256: r.SHA256, Version: r.Version}
		all = append(all, known)
		return known
	}
	if !s.Desired.Release.IsZero() {
		find(s.Desired.Release).Desired = true
	}
	if !s.Desired.Previous.IsZero() {
		find(s.Desired.Previous).Previous = true
	}
	for _, p := range s.Pins {
		if p.Ended == "" {
			find(p.Release).Pinned = true
		}
	}
	for _, f := range files {
		if f.Adapter == s.Name && f.SHA256 != "" {
			r := find(release.Release{SHA256: f.SHA256, Version: f.Version})
			if f.Refusal != (host.Refusal{}) {
				r.Refusal = &marketplacev1.Refusal{Time: timestamp(f.Refusal.Time), Message: f.Refusal.Reason}
			}
			if f.Fault != "" {
				r.UnusableFiles = append(r.UnusableFiles, &marketplacev1.UnusableFile{Name: f.Name, Fault: f.Fault})
				continue
			}
			r.Files = append(r.Files, f.Name)
		}
	}
	return all
}
