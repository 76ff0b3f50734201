package fault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"
)

func newSet() *fault.Set {
	return fault.NewSet(func() time.Time { return time.Unix(1, 0) },
		fault.API{
			Name: "one", Kinds: []fault.Kind{fault.SOAPFault},
			Operations: []fault.Operation{
				{Name: fault.STS, Actions: []fault.Action{fault.Token}}, {Name: "Read", Actions: []fault.Action{fault.List, fault.Get}},
				{Name: "Write", Actions: []fault.Action{fault.Ship, fault.Decide}},
			},
		},
		fault.API{
			Name: "two", Kinds: []fault.Kind{fault.Problem},
			Operations: []fault.Operation{{Name: "GET /orders", Actions: []fault.Action{fault.List}}, {Name: "POST /token", Actions: []fault.Action{fault.Token}}},
		})
}

func add(t *testing.T, s *fault.Set, r fault.Rule) fault.Rule {
	t.Helper()
	r, err := s.Add(r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDecide(t *testing.T) {
	t.Parallel()
	read := fault.Call{Operation: "Read", Seller: "demo"}
	write := fault.Call{Operation: "Write", Seller: "demo", Orders: []string{"1", "2"}}
	for _, tc := range []struct {
		name  string
		rules []fault.Rule
		calls []fault.Call
		want  string // kinds, one for each call, "-" for none
	}{
		{"no rule", nil, []fault.Call{read}, "-"},
		{"until removed", []fault.Rule{{Operation: "Read", Kind: fault.HTTP500}}, []fault.Call{read, read, write, read}, "http_500 http_500 - http_500"},
		{"a number of times", []fault.Rule{{Operation: "Read", Kind: fault.HTTP500, Times: 2}}, []fault.Call{read, read, read}, "http_500 http_500 -"},
		{"after some calls", []fault.Rule{{Operation: "Read", Kind: fault.HTML, After: 1, Times: 1}}, []fault.Call{read, write, read, read}, "- - html -"},
		{"any operation", []fault.Rule{{Operation: fault.Any, Kind: fault.HTML}}, []fault.Call{read, {API: "one", Operation: fault.STS, Action: fault.Token}}, "html html"},
		{"kinds that need a token pass the token service", []fault.Rule{{Operation: fault.Any, Kind: fault.Quota}}, []fault.Call{{API: "one", Operation: fault.STS, Action: fault.Token}, read}, "- quota"},
		{"the first rule wins", []fault.Rule{{Operation: "Read", Kind: fault.HTTP500, Times: 1}, {Operation: "Read", Kind: fault.HTTP503, Times: 1}}, []fault.Call{read, read, read}, "http_500 http_503 -"},
		{"one seller", []fault.Rule{{Operation: "Read", Kind: fault.HTML, Seller: "demo2"}}, []fault.Call{read, {Operation: "Read", Seller: "demo2"}}, "- html"},
		{"one order", []fault.Rule{{Operation: "Write", Kind: fault.CutAfter, Order: "2"}}, []fault.Call{write, {Operation: "Write", Orders: []string{"3"}}}, "cut_after -"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newSet()
			for _, r := range tc.rules {
				add(t, s, r)
			}
			var got []string
			for _, c := range tc.calls {
				kind := string(s.Decide(c).Kind)
				if kind == "" {
					kind = "-"
				}
				got = append(got, kind)
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("kinds (-want +got):\n%s", diff)
			}
			if hits := len(s.Hits()); hits != len(tc.calls)-strings.Count(tc.want, "-") {
				t.Errorf("%d hits recorded", hits)
			}
		})
	}
}

func TestLatencyAddsUpAndComposes(t *testing.T) {
	t.Parallel()
	s := newSet()
	add(t, s, fault.Rule{Operation: "Read", Kind: fault.Latency, Params: fault.Params{Milliseconds: 10}})
	add(t, s, fault.Rule{Operation: fault.Any, Kind: fault.Latency, Params: fault.Params{Milliseconds: 5}})
	add(t, s, fault.Rule{Operation: "Read", Kind: fault.Latency, Params: fault.Params{Milliseconds: 7, Apply: true}})
	add(t, s, fault.Rule{Operation: "Read", Kind: fault.CutMid, Params: fault.Params{Fraction: 0.2}})
	want := fault.Decision{Before: 15 * time.Millisecond, After: 7 * time.Millisecond, Kind: fault.CutMid, Params: fault.Params{Fraction: 0.2}}
	if diff := cmp.Diff(want, s.Decide(fault.Call{Operation: "Read"})); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
}

func TestRulesAndRemoval(t *testing.T) {
	t.Parallel()
	s := newSet()
	first := add(t, s, fault.Rule{Operation: "Read", Kind: fault.HTTP500, After: 1})
	second := add(t, s, fault.Rule{Operation: "Write", Kind: fault.HTTP500})
	s.Decide(fault.Call{Operation: "Read"})
	s.Decide(fault.Call{Operation: "Read"})
	rules := s.Rules()
	if len(rules) != 2 || rules[0].ID != first.ID || rules[0].Seen != 2 || rules[0].Hits != 1 || rules[1].Hits != 0 {
		t.Errorf("rules %+v", rules)
	}
	if !s.Remove(first.ID) || s.Remove(first.ID) || s.Decide(fault.Call{Operation: "Read"}).Kind != "" {
		t.Error("the removed rule is still there")
	}
	if s.Clear() != 1 || s.Decide(fault.Call{Operation: "Write"}).Kind != "" || s.Remove(second.ID) {
		t.Error("clearing left a rule")
	}
	if len(s.Hits()) != 1 {
		t.Error("hits of removed rules are gone")
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule fault.Rule
		want string
	}{
		{fault.Rule{Operation: "Raed", Kind: fault.HTTP500}, `operation "Raed" is none of *, STS, Read, Write`},
		{fault.Rule{Operation: "Read", Kind: "boom"}, `kind "boom"`},
		{fault.Rule{Operation: fault.STS, Kind: fault.TokenExpired}, "token service"},
		{fault.Rule{Operation: "Read", Kind: fault.HTTP500, Times: -1}, "negative"},
		{fault.Rule{Operation: "Read", Kind: fault.HTTP500, After: -1}, "negative"},
		{fault.Rule{Operation: "Read", Kind: fault.Latency}, "params.ms"},
		{fault.Rule{Operation: "Read", Kind: fault.Truncated, Params: fault.Params{Fraction: 1}}, "fraction"},
		{fault.Rule{Operation: "Read", Kind: fault.Refusal}, "params.text"},
		{fault.Rule{Operation: "Read", Kind: fault.Refusal, Params: fault.Params{Text: "no", Status: 200}}, "status of a refusal"},
		{fault.Rule{Operation: "Read", Kind: fault.HTML, Params: fault.Params{Status: 99}}, "status"},
	} {
		s := newSet()
		if _, err := s.Add(tc.rule); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want …%s…", tc.rule, err, tc.want)
		}
		if len(s.Rules()) > 0 {
			t.Errorf("%+v is in force", tc.rule)
		}
	}
}
