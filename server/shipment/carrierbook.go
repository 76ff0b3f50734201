package shipment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/relaishq/relais/server/carrier"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

const (
	// carrierListAge is how old a cached carrier list may be before the marketplace is asked again.
	carrierListAge = 24 * time.Hour
	// carrierListNew is the age up to which a list is believed even when it does not have a carrier: a batch of a thousand
	// shipments with a carrier of its own must not ask a thousand times.
	carrierListNew = 10 * time.Minute
)

// carrierBook is the marketplaces' carrier lists, with what was read of them before, and what relais knows of carriers.
type carrierBook struct {
	table       carrier.Table
	repository  Repository
	stores      Stores
	marketplace Marketplace
	now         func() time.Time
}

// read reads the marketplace's list now.
func (b carrierBook) read(ctx context.Context, ref store.Ref) (CarrierList, error) {
	carriers, err := b.marketplace.ListCarriers(ctx, ref)
	if err != nil {
		b.stores.Report(context.WithoutCancel(ctx), ref, err) // the marketplace may have used up the caller's time
		return CarrierList{}, err
	}
	list := CarrierList{Carriers: carriers, ReadTime: b.now().UTC()}
	if err := b.repository.SaveCarriers(ctx, ref, list); err != nil {
		return CarrierList{}, fmt.Errorf("keep carriers: %w", err)
	}
	return list, nil
}

// choose finds the marketplace's carrier for a request about an order, and checks that the parcel can be announced with it.
// offNetwork tells that the carrier does not serve the order's pickup network, and that opt overrules that. Errors: CARRIER_UNKNOWN,
// CARRIER_NOT_FOR_PICKUP_POINT, INVALID_FIELD of the tracking URL, and those of the marketplace.
func (b carrierBook) choose(ctx context.Context, ref store.Ref, r Request, opt Options, o order.Order, rules Rules) (_ ChosenCarrier, offNetwork bool, _ error) {
	match, list, err := b.find(ctx, ref, r.Carrier, opt)
	if err != nil {
		return ChosenCarrier{}, false, unknownTo(ref.Adapter, err)
	}
	chosen := ChosenCarrier{
		Name: match.Listed.Name, Rule: match.Rule, ListAge: max(0, b.now().Sub(list.ReadTime)).Truncate(time.Second),
	}
	if p := o.PickupPoint; p != nil {
		known, serves := b.table.Serves(match.Carrier, string(p.Network))
		if offNetwork = known && !serves; offNetwork && !opt.OverNetwork {
			return ChosenCarrier{}, false, b.offNetwork(o, match.Carrier, list)
		}
	}
	if r.TrackingURL == "" {
		if page, ok := b.table.TrackingURL(match.Carrier, r.TrackingNumber); ok && fits(page, rules) {
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
func (b carrierBook) offNetwork(o order.Order, chosen string, list CarrierList) error {
	network := string(o.PickupPoint.Network)
	var serving []string
	for _, c := range list.Carriers {
		if _, serves := b.table.Serves(c.Name, network); serves {
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

// find finds the carrier in the cached list, and in a fresh one when the cached one is old or does not know it. When the
// marketplace cannot be asked, an old list is better than no shipment.
func (b carrierBook) find(ctx context.Context, ref store.Ref, written string, opt Options) (carrier.Match, CarrierList, error) {
	cached, err := b.repository.Carriers(ctx, ref)
	if err != nil {
		return carrier.Match{}, CarrierList{}, fmt.Errorf("read cached carriers: %w", err)
	}
	switch age := b.now().Sub(cached.ReadTime); {
	case age < carrierListNew:
		m, err := b.match(written, cached, opt)
		return m, cached, err
	case age < carrierListAge:
		if m, err := b.match(written, cached, Options{}); err == nil {
			return m, cached, nil
		}
	}
	list, err := b.read(ctx, ref)
	if err != nil {
		if cached.ReadTime.IsZero() {
			return carrier.Match{}, CarrierList{}, err
		}
		list = cached
	}
	m, err := b.match(written, list, opt)
	return m, list, err
}

// match finds the carrier in a list. CARRIER_UNKNOWN with near matches.
func (b carrierBook) match(written string, list CarrierList, opt Options) (carrier.Match, error) {
	rows := listed(list.Carriers)
	m, err := b.table.Resolve(written, rows)
	if err == nil {
		return m, nil
	}
	other, otherTaken := b.table.Other(written, rows)
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
func (b carrierBook) aliases(list []Carrier) [][]string { return b.table.Aliases(listed(list)) }

func listed(list []Carrier) []carrier.Listed {
	rows := make([]carrier.Listed, len(list))
	for i, c := range list {
		rows[i] = carrier.Listed{Code: c.Code, Name: c.Name}
	}
	return rows
}
