package cli_test

import (
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// pinned has stores that are held on releases.
func pinned() *marketplacev1.Adapter {
	d := cdiscount()
	d.Releases[1].Pinned = true
	d.Releases = append(d.Releases, &marketplacev1.Release{Sha256: "d00d", Version: "0.2.0", Pinned: true})
	d.Pins = []*marketplacev1.Pin{
		{
			Store: "stores/lamp", Sha256: "77aa", Version: "0.0.9", ExpireTime: at(12, 0), State: marketplacev1.Pin_STATE_SERVING,
			Generation: &marketplacev1.Generation{Number: 3, Version: "0.0.9", Pid: 4343, Leases: 2}, RestartCount: 4,
		},
		{
			Store: "stores/soap", Sha256: "b00c", Version: "0.3.0", ExpireTime: at(13, 0), State: marketplacev1.Pin_STATE_ENDED,
			Message: "its release ended again and again: exit status 2\x1b",
		},
		{Store: "stores/tea", Sha256: "d00d", Version: "0.2.0", ExpireTime: at(14, 0), State: marketplacev1.Pin_STATE_STARTING, Message: "it is being started"},
	}
	return d
}

func cdiscount() *marketplacev1.Adapter {
	return &marketplacev1.Adapter{
		Name: "adapters/cdiscount", DisplayName: "Cdiscount (SOAP)", Marketplace: "cdiscount", State: marketplacev1.Adapter_STATE_SERVING, RestartCount: 1,
		Generation: &marketplacev1.Generation{
			Number: 2, Version: "0.1.0", Sha256: "9f2c", Pid: 4242, Protocol: "relais.adapter.v1", StartTime: at(7, 0), Leases: 3,
		},
		LastRestart: &marketplacev1.Restart{Time: at(6, 59), Reason: "the adapter's process ended: signal: killed\x1b"},
		LastSwap:    refusedSwap(),
		Retiring:    []*marketplacev1.Generation{{Number: 1, Version: "0.0.9", Sha256: "77aa", Pid: 4141, StartTime: at(6, 0), Leases: 1, RetireTime: at(7, 0), RetireDeadlineTime: at(7, 5)}},
		Releases: []*marketplacev1.Release{
			{Sha256: "9f2c", Version: "0.1.0", Desired: true},
			{Sha256: "77aa", Version: "0.0.9", Previous: true, Files: []string{"relais-adapter-cdiscount@0.0.9"}},
			{Sha256: "b00c", Files: []string{"relais-adapter-cdiscount", "relais-adapter-cdiscount@next"}},
			{Sha256: "bad0", Version: "0.2.0", Files: []string{"relais-adapter-cdiscount@bad"}, Refusal: &marketplacev1.Refusal{
				Time: at(6, 30), Message: "at the step probe: the adapter has no version",
			}},
			{Sha256: "e3b0", UnusableFiles: []*marketplacev1.UnusableFile{{Name: "relais-adapter-cdiscount@half", Fault: "empty"}}},
		},
		CredentialFields: []*marketplacev1.CredentialField{
			{Key: "login", DisplayName: "API login", Description: "Seller area, Settings, API accounts"},
			{Key: "password", DisplayName: "API password", Secret: true},
			{Key: "seller_id", DisplayName: "Seller id", Optional: true},
		},
	}
}

// refusedSwap is one that the server tried by itself.
func refusedSwap() *marketplacev1.LastSwap {
	return &marketplacev1.LastSwap{
		StartTime: at(7, 30), EndTime: at(7, 31), File: "relais-adapter-cdiscount", Origin: marketplacev1.LastSwap_ORIGIN_PLUGIN_WATCH,
		Step:           &marketplacev1.SwapStep{Kind: marketplacev1.SwapStep_KIND_PROBE, Sha256: "b00cb00cb00cb00c"},
		FailureReason:  "RELEASE_REFUSED",
		FailureMessage: "the release was refused at the step probe: the adapter has no version; version 0.1.0 (generation 2) serves on",
	}
}

// severalAdapters are adapters in several states.
func severalAdapters() []*marketplacev1.Adapter {
	stuck := cdiscount()
	stuck.Name, stuck.Generation.Unresponsive, stuck.Generation.Sha256 = "adapters/stuck", true, "0123456789abcdef"
	return []*marketplacev1.Adapter{pinned(), {
		Name: "adapters/octopia", Marketplace: "cdiscount", State: marketplacev1.Adapter_STATE_RESTARTING,
		RestartCount: 3, Message: "the process exited with status 2", Generation: &marketplacev1.Generation{Number: 4},
	}, stuck}
}
