package host

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/relaishq/relais/server/problem"
)

// sha256Hex is a hash, or the beginning of one that is long enough to be meant.
var sha256Hex = regexp.MustCompile(`^[0-9a-fA-F]{8,64}$`)

// checkHash refuses what is no hash, nor the beginning of one.
func checkHash(sum string) error {
	if !sha256Hex.MatchString(sum) {
		return problem.InvalidField("sha256", "must be 64 hexadecimal digits, or the first of them, at least 8")
	}
	return nil
}

// wholeHash finds the hash that an operator means, who may give the beginning of it, among those of the releases that are listed: what the
// slot serves, served before or is pinned to, and what lies in the plugin directory.
func (h *Host) wholeHash(ctx context.Context, s *slot, given string) (string, error) {
	if err := checkHash(given); err != nil {
		return "", err
	}
	given = strings.ToLower(given)
	if len(given) == 64 {
		return given, nil
	}
	files, err := h.Files(ctx)
	if err != nil {
		return "", err
	}
	all := s.releases()
	for _, f := range files {
		if f.Adapter == s.name {
			all = append(all, f.SHA256)
		}
	}
	all = slices.DeleteFunc(all, func(sum string) bool { return !strings.HasPrefix(sum, given) })
	slices.Sort(all)
	switch all = slices.Compact(all); len(all) {
	case 0:
		return "", s.noRelease(given)
	case 1:
		return all[0], nil
	}
	return "", problem.InvalidField("sha256", "several releases begin with %s; give more digits: %s", given, strings.Join(all, " or "))
}

// releases are the hashes of the releases that the slot is meant to serve, served before, or is pinned to; empty ones among them.
func (s *slot) releases() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []string{s.desired.Release.SHA256, s.desired.Previous.SHA256}
	for _, p := range s.pins {
		if p.Ended == "" {
			all = append(all, p.Release.SHA256)
		}
	}
	return all
}

// noRelease is the problem of who asks for a release that there is not.
func (s *slot) noRelease(sum string) *problem.Problem {
	return problem.New(problem.NotFound, problem.ReasonReleaseNotFound,
		"there is no release %.12s; \"relais adapter get %s\" lists the releases", sum, s.name).With("adapter", s.name)
}
