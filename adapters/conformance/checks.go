package conformance

import "slices"

// checks are all checks, in the order in which they are reported: by area, and those that run alone last.
func checks() []check {
	all := slices.Concat(
		describeChecks(), requestChecks(), connectChecks(), stateChecks(),
		listChecks(), countChecks(), getChecks(), orderChecks(),
		writeChecks("ship"), writeChecks("decide"), previewChecks(), catalogueChecks(),
		failureChecks(), hostileChecks(), storeChecks(), patienceChecks(), secretChecks(), measureChecks(),
	)
	slices.SortStableFunc(all, func(a, b check) int {
		switch {
		case a.alone == b.alone:
			return 0
		case b.alone:
			return -1
		default:
			return 1
		}
	})
	return all
}
