package octopia

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// found is an order that a filter found, with what it is sorted by.
type found struct {
	number string
	at     int64 // nanoseconds since 1970
}

// find shows visit each order of the call's seller that a filter finds, in the order of the world: newest first. It looks at
// heads only, and at no others than the dates of creation allow. visit must neither keep the head nor call the world.
func (f *Face) find(c *call, asked filter, visit func(h *world.Head)) {
	now, settings := f.World.Clock().Now(), f.World.Settings()
	business := f.businesses(c, asked)
	f.World.ScanCreated(c.seller.Account, asked.created.min, asked.created.max, func(h *world.Head, _ int) {
		if asked.matches(h, now, &settings) && (asked.business == nil || business[h.Number] == *asked.business) {
			visit(h)
		}
	})
}

// businesses tells which of the seller's orders a company made. Heads do not tell, so every order is read: only a filter that
// asks pays for it; for others it is nil.
func (f *Face) businesses(c *call, asked filter) map[string]bool {
	if asked.business == nil {
		return nil
	}
	out := map[string]bool{}
	for _, number := range f.World.Find(c.seller.Account, func(world.Head) bool { return true }) {
		if o, known := f.World.Read(number); known {
			out[number] = business(&o)
		}
	}
	return out
}

func instant(h *world.Head, by string) time.Time {
	switch by {
	case "updatedAt":
		return h.LastChange()
	case "shippedAt":
		return shippedAt(h)
	default:
		return h.Created
	}
}

// listOrders lists one page (octopia-rest.md 3). Pages are cut out of the orders that match at this moment, so an order that
// changes between two reads can shift them.
func (f *Face) listOrders(c *call) face.Answer {
	settings := f.World.Settings()
	q := newQuery(c.request.URL.Query(), settings)
	asked, page := q.filter(), q.page()
	if p := q.problem(); p != nil {
		return p.answer()
	}
	var all []found
	f.find(c, asked, func(h *world.Head) {
		all = append(all, found{number: h.Number, at: instant(h, page.by).UnixNano()})
	})
	if settings.SlowListOver > 0 && len(all) > settings.SlowListOver {
		f.Wait(time.Duration(settings.SlowListBy))
	}
	if page.by != "createdAt" || !page.descending { // else they come sorted
		slices.SortFunc(all, func(a, b found) int {
			order := cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.number, b.number))
			if page.descending {
				return -order
			}
			return order
		})
	}
	from := min((page.index-1)*page.size, len(all))
	all = all[from:min(from+page.size, len(all))]
	w := f.writer(settings)
	envelope := struct {
		ItemsPerPage int     `json:"itemsPerPage"` // how many items are in this page, not how many fit
		Items        []order `json:"items"`
	}{Items: []order{}}
	for _, o := range all {
		if read, known := f.World.Read(o.number); known { // else it was removed meanwhile
			envelope.Items = append(envelope.Items, w.order(&read, c.seller))
		}
	}
	envelope.ItemsPerPage = len(envelope.Items)
	a := ok(envelope)
	for _, o := range all[:min(settings.ShiftPages, len(all))] {
		_ = f.World.Touch(o.number) // gone is fine: that shifts pages too
	}
	return a
}

// countOrders answers with a bare number.
func (f *Face) countOrders(c *call) face.Answer {
	q := newQuery(c.request.URL.Query(), f.World.Settings())
	asked := q.filter()
	if p := q.problem(); p != nil {
		return p.answer()
	}
	n := 0
	f.find(c, asked, func(*world.Head) { n++ })
	return ok(n)
}

// getOrder answers with one order.
func (f *Face) getOrder(c *call) face.Answer {
	read, known := f.World.Read(c.order)
	if !known || read.Seller != c.seller.Account {
		return notFound().answer()
	}
	return ok(f.writer(f.World.Settings()).order(&read, c.seller))
}

func notFound() *problem { return &problem{Title: "Not Found", Status: http.StatusNotFound} }
