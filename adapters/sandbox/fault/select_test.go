package fault_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"
)

// TestSelection checks which of some calls of two faces a rule hits.
func TestSelection(t *testing.T) {
	t.Parallel()
	calls := map[string]fault.Call{
		"one token": {API: "one", Operation: fault.STS, Action: fault.Token},
		"one list":  {API: "one", Operation: "Read", Action: fault.List},
		"one get":   {API: "one", Operation: "Read", Action: fault.Get},
		"one ship":  {API: "one", Operation: "Write", Action: fault.Ship},
		"one odd":   {API: "one", Operation: "Write"},
		"two token": {API: "two", Operation: "POST /token", Action: fault.Token},
		"two list":  {API: "two", Operation: "GET /orders", Action: fault.List},
	}
	order := []string{"one token", "one list", "one get", "one ship", "one odd", "two token", "two list"}
	for _, tc := range []struct {
		name string
		rule fault.Rule
		want string
	}{
		{"an action of both faces", fault.Rule{On: fault.List, Kind: fault.HTTP500}, "one list, two list"},
		{"an action of one face", fault.Rule{On: fault.List, API: "two", Kind: fault.HTTP500}, "two list"},
		{"one action of an operation with two", fault.Rule{On: fault.Get, Kind: fault.HTTP500}, "one get"},
		{"an operation whatever it is for", fault.Rule{Operation: "Write", Kind: fault.HTTP500}, "one ship, one odd"},
		{"tokens", fault.Rule{On: fault.Token, Kind: fault.HTTP500}, "one token, two token"},
		{"any action", fault.Rule{On: fault.Any, Kind: fault.HTTP500}, strings.Join(order, ", ")},
		{"any operation", fault.Rule{Operation: fault.Any, API: "one", Kind: fault.HTTP500}, "one token, one list, one get, one ship, one odd"},
		{"a kind of one face", fault.Rule{On: fault.Any, Kind: fault.SOAPFault}, "one list, one get, one ship, one odd"},
		{"a kind that needs a token", fault.Rule{On: fault.Any, Kind: fault.Quota}, "one list, one get, one ship, one odd, two list"},
		{"a kind that needs none", fault.Rule{On: fault.Token, API: "two", Kind: fault.Throttle}, "two token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newSet()
			add(t, s, tc.rule)
			var got []string
			for _, name := range order {
				if s.Decide(calls[name]).Kind != "" {
					got = append(got, name)
				}
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("hit (-want +got):\n%s", diff)
			}
			if len(s.Hits()) != len(got) || s.Hits()[0].API == "" {
				t.Errorf("hits %+v", s.Hits())
			}
		})
	}
}

func TestAddRefusesSelections(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		rule fault.Rule
		want string
	}{
		{"nothing selected", fault.Rule{Kind: fault.HTTP500}, "either operation or on"},
		{"both", fault.Rule{Operation: "Read", On: fault.List, Kind: fault.HTTP500}, "either operation or on"},
		{"unknown action", fault.Rule{On: "look", Kind: fault.HTTP500}, `action "look" is none of *, [token `},
		{"an action that no face has", fault.Rule{On: fault.Carriers, Kind: fault.HTTP500}, `no operation is for "carriers"`},
		{"an action that the face has not", fault.Rule{On: fault.Ship, API: "two", Kind: fault.HTTP500}, `no operation is for "ship"`},
		{"an operation of the other face", fault.Rule{Operation: "Read", API: "two", Kind: fault.HTTP500}, `operation "Read" is none of *, GET /orders, POST /token`},
		{"unknown face", fault.Rule{On: fault.Any, API: "three", Kind: fault.HTTP500}, `no face is called "three"`},
		{"a kind of the other face", fault.Rule{On: fault.List, API: "two", Kind: fault.SOAPFault}, "can show soap_fault"},
		{"tokens cannot show it", fault.Rule{On: fault.Token, Kind: fault.Quota}, "token service cannot answer with quota"},
		{"hostile without a code", fault.Rule{On: fault.List, Kind: fault.Hostile}, "hostile needs params.code, one of [deep bomb "},
		{"negative delay", fault.Rule{On: fault.List, Kind: fault.Throttle, Params: fault.Params{Seconds: -1}}, "seconds must not be negative"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newSet()
			if _, err := s.Add(tc.rule); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want …%s…", err, tc.want)
			}
			if len(s.Rules()) > 0 {
				t.Error("it is in force")
			}
		})
	}
}
