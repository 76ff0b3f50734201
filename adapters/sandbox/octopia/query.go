package octopia

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// span is a range of instants; a zero end is open.
type span struct {
	min, max  time.Time
	exclusive bool
}

func (s span) open() bool { return s.min.IsZero() && s.max.IsZero() }

func (s span) holds(t time.Time) bool {
	if s.exclusive {
		return (s.min.IsZero() || t.After(s.min)) && (s.max.IsZero() || t.Before(s.max))
	}
	return !t.Before(s.min) && (s.max.IsZero() || !t.After(s.max))
}

// filter is what an order list or count can be narrowed by (octopia-rest.md 3). Empty fields do not narrow.
type filter struct {
	reference, channel, supplyMode, country string
	business                                *bool
	statuses                                []string
	created, updated, shipped               span
}

// page is which page of a list is asked for, and how the list is sorted.
type page struct {
	index, size int
	by          string // createdAt, updatedAt or shippedAt
	descending  bool
}

// maxPage is the size of a page at most, and when none is asked for (octopia-rest.md 3).
const maxPage = 100

// query reads parameters and keeps what is wrong with them. Parameters that the contract does not know, limit among them, are
// ignored.
type query struct {
	values   url.Values
	settings world.Settings
	errors   map[string][]string
}

func newQuery(values url.Values, settings world.Settings) *query {
	return &query{values: values, settings: settings, errors: map[string][]string{}}
}

// problem is what is wrong; nil when nothing is.
func (q *query) problem() *problem {
	if len(q.errors) == 0 {
		return nil
	}
	p := invalid("", "")
	p.Errors = q.errors
	return p
}

func (q *query) refuse(name string) {
	q.errors[name] = append(q.errors[name], "The value '"+q.values.Get(name)+"' is not valid.")
}

func (q *query) filter() filter {
	return filter{
		reference: q.values.Get("reference"), channel: q.values.Get("salesChannelId"), business: q.boolean("businessOrder"),
		statuses:   q.words("status", orderStatuses()),
		supplyMode: q.word("supplyMode", []string{"Seller", "Fulfillment", "Xdock"}), country: q.country(),
		created: q.span("createdAt"), updated: q.span("updatedAt"), shipped: q.span("shippedAt"),
	}
}

func (q *query) boolean(name string) *bool {
	switch strings.ToLower(q.values.Get(name)) {
	case "":
		return nil
	case "true":
		yes := true
		return &yes
	case "false":
		no := false
		return &no
	default:
		q.refuse(name)
		return nil
	}
}

// words reads a comma-separated list; an unknown word is refused, as measured.
func (q *query) words(name string, allowed []string) []string {
	if q.values.Get(name) == "" {
		return nil
	}
	words := strings.Split(q.values.Get(name), ",")
	for _, w := range words {
		if !slices.Contains(allowed, w) {
			q.refuse(name)
			break
		}
	}
	return words
}

func (q *query) word(name string, allowed []string) string {
	w := q.values.Get(name)
	if w != "" && !slices.Contains(allowed, w) {
		q.refuse(name)
	}
	return w
}

func (q *query) country() string {
	c := q.values.Get("shippingCountry")
	if c != "" && len(c) != 2 {
		q.refuse("shippingCountry")
	}
	return c
}

func (q *query) span(name string) span {
	return span{min: q.instant(name + "Min"), max: q.instant(name + "Max"), exclusive: q.settings.DateBounds == "exclusive"}
}

// instant reads a date. One without a zone is taken as UTC, which is an assumption (octopia-rest.md 3).
func (q *query) instant(name string) time.Time {
	text := q.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	q.refuse(name)
	return time.Time{}
}

func (q *query) page() page {
	p := page{index: q.number("pageIndex", 1), size: q.number("pageSize", maxPage)}
	if p.size > maxPage {
		if q.settings.PageSizeOver == "reject" {
			q.refuse("pageSize")
		}
		p.size = maxPage
	}
	p.by, p.descending = q.sort()
	return p
}

func (q *query) number(name string, usual int) int {
	text := q.values.Get(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1_000_000 {
		q.refuse(name)
		return usual
	}
	return n
}

// sort reads both spellings, as far as the settings know them: the bare field with desc beside it, and the field behind its
// direction (octopia-rest.md 3).
func (q *query) sort() (field string, descending bool) {
	text := q.values.Get("sort")
	direction, prefixed, isPrefixed := strings.Cut(text, ":")
	spelling := q.settings.SortSpelling
	switch {
	case text == "":
		direction, field, _ = strings.Cut(q.settings.DefaultSort, ":")
		return field, direction == "desc"
	case isPrefixed && spelling != "field" && (direction == "asc" || direction == "desc") && sortable(prefixed):
		return prefixed, direction == "desc"
	case !isPrefixed && spelling != "prefixed" && sortable(text):
		desc := strings.ToLower(q.values.Get("desc"))
		return text, desc != "" && desc != "false"
	default:
		q.refuse("sort")
		return "createdAt", false
	}
}

func sortable(field string) bool {
	return field == "createdAt" || field == "updatedAt" || field == "shippedAt"
}

// matches reports whether the filter finds an order, as far as its head tells.
func (f *filter) matches(h *world.Head, now time.Time, settings *world.Settings) bool {
	switch {
	case f.reference != "" && f.reference != reference(h, settings.ReferenceIs),
		f.channel != "" && f.channel != channelID(h),
		f.supplyMode != "" && f.supplyMode != supplyMode(h),
		f.country != "" && f.country != h.Country,
		!f.created.holds(h.Created),
		!f.updated.holds(h.LastChange()),
		len(f.statuses) > 0 && !slices.Contains(f.statuses, orderStatus(h, now)):
		return false
	case f.shipped.open():
		return true
	default:
		at := shippedAt(h)
		return !at.IsZero() && f.shipped.holds(at)
	}
}

// shippedAt is when an order left, as far as the world knows: its last change once it is shipped. Zero means not yet.
func shippedAt(h *world.Head) time.Time {
	switch h.State {
	case world.Shipped, "AvailableOnStore", "PickedUp":
		return h.LastChange()
	default:
		return time.Time{}
	}
}
