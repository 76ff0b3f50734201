package main

import (
	"testing"

	"github.com/relaishq/relais/server/host"
)

func TestHealthOfAnAdapter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		state        host.State
		unresponsive bool
		want         bool
	}{
		{"serving", host.Serving, false, true},
		{"serving and unresponsive", host.Serving, true, false},
		{"restarting", host.Restarting, false, false},
		{"crash loop", host.CrashLooping, false, false},
		{"unloaded", host.Unloaded, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := host.Status{State: tt.state, Generation: host.Generation{Unresponsive: tt.unresponsive}}
			if got := serves(s); got != tt.want {
				t.Errorf("serves = %v, want %v", got, tt.want)
			}
		})
	}
}
