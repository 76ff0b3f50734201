package shipment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/relaishq/relais/server/carrier"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// CarrierBookConfig is what a carrier book needs. All fields are required.
type CarrierBookConfig struct {
	// Table is what relais knows of carriers beside the marketplaces' lists.
	Table       carrier.Table
	Repository  Repository
	Stores      Stores
	Marketplace Marketplace
	Now         func() time.Time
	Log         *slog.Logger
}

// CarrierBook is the marketplaces' carrier lists, with what was read of them before, and what relais knows of carriers. A list that
// has a carrier is believed whatever its age, and is read anew in the background when it is old: whoever ships waits for a
// marketplace only when nothing known here answers, and then not for long. Stop ends what it reads.
type CarrierBook struct {
	cfg CarrierBookConfig

	ctx     context.Context // ends with Stop
	cancel  context.CancelFunc
	running sync.WaitGroup // lists that are being read; mu is held while it grows

	mu      sync.Mutex // guards the fields below; never held across I/O
	stopped bool
	reads   map[store.Ref]*listRead // under way, or failed a short while ago
}

// NewCarrierBook returns a carrier book.
func NewCarrierBook(cfg CarrierBookConfig) *CarrierBook {
	ctx, cancel := context.WithCancel(context.Background())
	return &CarrierBook{cfg: cfg, ctx: ctx, cancel: cancel, reads: make(map[store.Ref]*listRead)}
}

// choose finds the marketplace's carrier for a request about an order, and checks that the parcel can be announced with it.
// offNetwork tells that the carrier does not serve the order's pickup network, and that opt overrules that. Errors: CARRIER_UNKNOWN,
// CARRIER_NOT_FOR_PICKUP_POINT, INVALID_FIELD of the tracking URL, and those of the marketplace.
func (b *CarrierBook) choose(ctx context.Context, ref store.Ref, r Request, opt Options, o order.Order, rules Rules) (_ ChosenCarrier, offNetwork bool, _ error) {
	match, list, err := b.find(ctx, ref, r.Carrier, opt)
	if err != nil {
		return ChosenCarrier{}, false, unknownTo(ref.Adapter, err)
	}
	chosen := ChosenCarrier{
		Name: match.Listed.Name, Rule: match.Rule, ListAge: max(0, b.cfg.Now().Sub(list.ReadTime)).Truncate(time.Second),
	}
	if p := o.PickupPoint; p != nil {
		known, serves := b.cfg.Table.Serves(match.Carrier, string(p.Network))
		if offNetwork = known && !serves; offNetwork && !opt.OverNetwork {
			return ChosenCarrier{}, false, b.offNetwork(o, match.Carrier, list)
		}
	}
	if r.TrackingURL == "" {
		if page, ok := b.cfg.Table.TrackingURL(match.Carrier, r.TrackingNumber); ok && fits(page, rules) {
			chosen.TrackingURL = page
		}
	}
	if match.AnyOther && r.TrackingURL == "" && chosen.TrackingURL == "" {
		return ChosenCarrier{}, false, problem.InvalidField("shipment.tracking_url",
			"is required with %q, the marketplace's row for any other carrier: nothing else tells the buyer who delivers", match.Listed.Name)
	}
	return chosen, offNetwork, nil
}

// offNetwork is the problem of a carrier that does not serve the order's pickup network. It names those of the list that do.
func (b *CarrierBook) offNetwork(o order.Order, chosen string, list CarrierList) error {
	network := string(o.PickupPoint.Network)
	var serving []string
	for _, c := range list.Carriers {
		if _, serves := b.cfg.Table.Serves(c.Name, network); serves {
			serving = append(serving, strings.TrimSpace(c.Name))
		}
	}
	advice := "no carrier of the marketplace's list is known to serve it; force it to ship all the same"
	if len(serving) > 0 {
		advice = "ship with " + strings.Join(serving, " or ") + ", or force it"
	}
	p := problem.New(problem.Precondition, problem.ReasonCarrierNotForPickup,
		"order %s goes to a pickup point of %s, which %s does not serve; %s", o.Number, network, chosen, advice).
		With("network", network).With("carrier", chosen)
	if len(serving) > 0 {
		p = p.With("serving_carriers", strings.Join(serving, ", "))
	}
	return p
}

// unknownTo adds to CARRIER_UNKNOWN whose list was looked at: a store that moves has two. Other errors stay as they are.
func unknownTo(adapter string, err error) error {
	p := problem.As(err)
	if p == nil || p.Reason != problem.ReasonCarrierUnknown {
		return err
	}
	p = p.With("adapter", adapter)
	p.Message += "; ListCarriers of adapters/" + adapter + " shows them all"
	p.Fields = []problem.Field{{Path: "shipment.carrier", Message: p.Message}}
	return p
}

// fits reports whether the marketplace takes a page that relais made. One that it does not take is left out: it is a help only.
func fits(page string, rules Rules) bool {
	return !rules.TakesTrackingURL || rules.MaxURLLength == 0 || utf8.RuneCountInString(page) <= rules.MaxURLLength
}

// find finds the carrier in the cached list, or in a fresh one when the cached one does not know it. When the marketplace cannot be
// asked, an old list is better than no shipment.
func (b *CarrierBook) find(ctx context.Context, ref store.Ref, written string, opt Options) (carrier.Match, CarrierList, error) {
	list, err := b.cfg.Repository.Carriers(ctx, ref)
	if err != nil {
		return carrier.Match{}, CarrierList{}, fmt.Errorf("read cached carriers: %w", err)
	}
	age := b.cfg.Now().Sub(list.ReadTime)
	if m, err := b.match(written, list, Options{}); err == nil {
		if age >= carrierListAge {
			b.renew(ctx, ref)
		}
		return m, list, nil
	}
	switch {
	case list.ReadTime.IsZero():
		if list, err = b.fresh(ctx, ref, carrierListFirstRetry); err != nil {
			return carrier.Match{}, CarrierList{}, err
		}
	case age >= carrierListNew:
		if fresh, err := b.fresh(ctx, ref, carrierListRetry); err == nil {
			list = fresh
		}
	}
	m, err := b.match(written, list, opt)
	return m, list, err
}

// match finds the carrier in a list. CARRIER_UNKNOWN with near matches.
func (b *CarrierBook) match(written string, list CarrierList, opt Options) (carrier.Match, error) {
	rows := listed(list.Carriers)
	m, err := b.cfg.Table.Resolve(written, rows)
	if err == nil {
		return m, nil
	}
	other, otherTaken := b.cfg.Table.Other(written, rows)
	if otherTaken && opt.AllowOther {
		return other, nil
	}
	unknown := new(carrier.UnknownError)
	errors.As(err, &unknown)
	message := err.Error()
	switch {
	case otherTaken:
		message += "; allow_other_carrier with a tracking URL ships it as " + other.Listed.Name
	case opt.AllowOther && !unknown.Ambiguous:
		message += "; allow_other_carrier does not help: the list has no row for any other carrier"
	}
	p := problem.New(problem.Invalid, problem.ReasonCarrierUnknown, "%s", message)
	if len(unknown.Near) > 0 {
		p = p.With("near_matches", strings.Join(unknown.Near, ", "))
	}
	return carrier.Match{}, p
}

// aliases returns what else each carrier of a list may be called.
func (b *CarrierBook) aliases(list []Carrier) [][]string { return b.cfg.Table.Aliases(listed(list)) }

func listed(list []Carrier) []carrier.Listed {
	rows := make([]carrier.Listed, len(list))
	for i, c := range list {
		rows[i] = carrier.Listed{Code: c.Code, Name: c.Name}
	}
	return rows
}
