package adapter

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// checkValues refuses an order with an amount or a time that the rest of relais could not rely on.
func checkValues(o *adapterv1.Order) error {
	amounts := []*adapterv1.Money{o.GetTotal(), o.GetShipping(), o.GetCommission()}
	times := []*timestamppb.Timestamp{o.GetUpdateTime(), o.GetAcceptanceDeadlineTime(), o.GetShipByTime(), o.GetDeliverFromTime(), o.GetDeliverByTime()}
	for _, f := range o.GetFees() {
		amounts = append(amounts, f.GetAmount())
	}
	for _, l := range o.GetLines() {
		amounts = append(amounts, l.GetUnitPrice(), l.GetTotalPrice(), l.GetShippingPrice())
		times = append(times, l.GetShipByTime(), l.GetDeliverFromTime(), l.GetDeliverByTime())
	}
	for _, m := range amounts {
		if err := checkMoney(m); err != nil {
			return fmt.Errorf("order %s has an amount %w", o.GetOrderNumber(), err)
		}
	}
	for _, t := range times {
		if t != nil && !t.IsValid() {
			return fmt.Errorf("order %s has a time that is not between the years 1 and 9999", o.GetOrderNumber())
		}
	}
	return nil
}

// maxNanos is the largest fraction of a unit, in billionths.
const maxNanos = 999_999_999

// checkMoney refuses what is not one exact amount: whoever added it up would get another sum than its neighbour.
// An amount that is not set is none.
func checkMoney(m *adapterv1.Money) error {
	if m == nil {
		return nil
	}
	units, nanos := m.GetUnits(), m.GetNanos()
	switch {
	case nanos > maxNanos || nanos < -maxNanos:
		return errors.New("whose nanos are a unit or more")
	case units > 0 && nanos < 0 || units < 0 && nanos > 0:
		return errors.New("whose units and nanos have different signs")
	case !currency(m.GetCurrencyCode()):
		return errors.New("whose currency is not an ISO 4217 code")
	}
	return nil
}

// currency reports whether a code has the form of ISO 4217.
func currency(code string) bool {
	if len(code) != 3 {
		return false
	}
	for _, c := range []byte(code) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}
