package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// kinds lists the kinds that some face can show.
func (s *Set) kinds() []Kind {
	out := neutralKinds()
	for _, api := range s.apis {
		for _, k := range api.Kinds {
			if !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	return out
}

// selected lists, by face, the actions of the operations that a rule selects.
func (s *Set) selected(r Rule) map[string][]Action {
	out := map[string][]Action{}
	for _, api := range s.apis {
		if r.API != "" && r.API != api.Name {
			continue
		}
		for _, op := range api.Operations {
			if r.Operation != Any && r.On != Any && r.Operation != op.Name && !slices.Contains(op.Actions, r.On) {
				continue
			}
			out[api.Name] = append(out[api.Name], op.Actions...)
		}
	}
	return out
}

// names lists the operations of the faces that a rule can select.
func (s *Set) names(r Rule) []string {
	var out []string
	for _, api := range s.apis {
		for _, op := range api.Operations {
			if r.API == "" || r.API == api.Name {
				out = append(out, op.Name)
			}
		}
	}
	return out
}

// checkSelection says what is wrong with the calls and the kind that a rule names.
func (s *Set) checkSelection(r Rule) error {
	known := slices.ContainsFunc(s.apis, func(api API) bool { return api.Name == r.API })
	chosen := s.selected(r)
	switch {
	case r.API != "" && !known:
		return fmt.Errorf("no face is called %q", r.API)
	case (r.Operation == "") == (r.On == ""):
		return errors.New("a rule needs either operation or on")
	case r.On != "" && r.On != Any && !slices.Contains(Actions(), r.On):
		return fmt.Errorf("action %q is none of *, %v", r.On, Actions())
	case len(chosen) == 0 && r.On != "":
		return fmt.Errorf("no operation is for %q", r.On)
	case len(chosen) == 0:
		return fmt.Errorf("operation %q is none of *, %s", r.Operation, strings.Join(s.names(r), ", "))
	case !slices.Contains(s.kinds(), r.Kind):
		return fmt.Errorf("kind %q is none of %v", r.Kind, s.kinds())
	case !s.canShow(r.Kind, chosen) && onlyTokens(chosen):
		return fmt.Errorf("the token service cannot answer with %s", r.Kind)
	case !s.canShow(r.Kind, chosen):
		return fmt.Errorf("none of the faces that the rule names can show %s", r.Kind)
	default:
		return nil
	}
}

// canShow reports whether some call of the chosen operations can fail like that.
func (s *Set) canShow(k Kind, chosen map[string][]Action) bool {
	return slices.ContainsFunc(s.apis, func(api API) bool {
		return slices.ContainsFunc(chosen[api.Name], func(a Action) bool { return api.shows(k, a) })
	})
}

// onlyTokens reports whether all chosen operations get tokens.
func onlyTokens(chosen map[string][]Action) bool {
	for _, actions := range chosen {
		if slices.ContainsFunc(actions, func(a Action) bool { return a != Token }) {
			return false
		}
	}
	return true
}

// matches reports whether a rule is about a call, and the call's face can show it.
func (s *Set) matches(r *Rule, c Call) bool {
	return (r.API == "" || r.API == c.API) &&
		(r.Operation == Any || r.On == Any || r.Operation != "" && r.Operation == c.Operation || r.On != "" && r.On == c.Action) &&
		(r.Seller == "" || r.Seller == c.Seller) &&
		(r.Order == "" || slices.Contains(c.Orders, r.Order)) &&
		s.api(c.API).shows(r.Kind, c.Action)
}

// api returns what is known about a face.
func (s *Set) api(name string) API {
	for _, api := range s.apis {
		if api.Name == name {
			return api
		}
	}
	return API{}
}
