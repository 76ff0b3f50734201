package host

// leastShare is the part of a store's rate budget that a call gets when earlier calls of the store have it all.
const leastShare = 0.1

// shareLocked is the part of a store's rate budget that a call on a generation may use: what the store's calls on other generations
// left of it. A budget that was lent cannot be taken back, so that the new generation begins with leastShare while a call that was
// lent the whole is under way on the old one: the two together exceed the budget by that. They do so until the old calls end, and a
// process that retires ends.
func (s *slot) shareLocked(g *generation, store string) float64 {
	left := 1.0
	for _, other := range s.generationsLocked() {
		if v := other.visits[store]; v != nil && other != g {
			left -= v.share
		}
	}
	return max(left, leastShare)
}

// widenLocked lets the calls of a store that were lent a good deal less than is left now begin anew: calls on another generation have
// ended.
func (s *slot) widenLocked(store string) {
	for _, g := range s.generationsLocked() {
		if v := g.visits[store]; v != nil && !g.retired && s.shareLocked(g, store)-v.share > leastShare/2 {
			v.move()
		}
	}
}

// move tells the calls of the visit to begin anew, where the next lease is.
func (v *visit) move() {
	close(v.moved)
	v.moved = make(chan struct{})
}

// generationsLocked are the adapter's generations that can have calls, pinned stores or all.
func (s *slot) generationsLocked() (all []*generation) {
	for _, slot := range append([]*slot{s}, s.canaries...) {
		if slot.serving != nil {
			all = append(all, slot.serving)
		}
		all = append(all, slot.retiring...)
	}
	return all
}
