package cli

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// timeLayouts are the absolute forms of a time flag. Those without an offset are read in the user's zone.
var timeLayouts = [...]string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly,
}

// timeHelp tells the forms in the help of time flags.
const timeHelp = "a time such as 2024-03-05T14:30:00+01:00, 2024-03-05 14:30 or 2024-03-05, or an age such as 24h"

// parseTime reads the value of a time flag: an instant, or a duration that means so long ago.
func (a *app) parseTime(flag, s string) (*timestamppb.Timestamp, error) {
	s = strings.TrimSpace(s)
	if s == "now" {
		return timestamppb.New(a.Now()), nil
	}
	if age, err := time.ParseDuration(s); err == nil && age >= 0 {
		return timestamppb.New(a.Now().Add(-age)), nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, s, a.Location); err == nil {
			return timestamppb.New(t), nil
		}
	}
	return nil, usagef("--%s %q is not a time: write %s", flag, s, timeHelp)
}

// parseMoney reads an amount with its currency, for example "4.90EUR" or "4.90 EUR", exactly.
func parseMoney(flag, s string) (*marketplacev1.Money, error) {
	bad := usagef("--%s %q is not an amount: write it as 4.90EUR, with a point and at most 9 decimals", flag, s)
	s = strings.TrimSpace(s)
	if len(s) < 4 {
		return nil, bad
	}
	number, currency := strings.TrimSpace(s[:len(s)-3]), strings.ToUpper(s[len(s)-3:])
	if strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return nil, bad
	}
	whole, decimals, hasPoint := strings.Cut(number, ".")
	if !digits(whole) || hasPoint && !digits(decimals) || len(decimals) > 9 {
		return nil, bad
	}
	units, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return nil, bad
	}
	nanos, err := strconv.ParseInt(decimals+strings.Repeat("0", 9-len(decimals)), 10, 32)
	if err != nil {
		return nil, bad
	}
	return &marketplacev1.Money{CurrencyCode: currency, Units: units, Nanos: int32(nanos)}, nil
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// parseItems reads --item values: "line" for the whole line or "line=pieces".
func parseItems(given []string) ([]*marketplacev1.ShipmentItem, error) {
	items := make([]*marketplacev1.ShipmentItem, 0, len(given))
	for _, g := range given {
		item := &marketplacev1.ShipmentItem{LineId: g}
		if i := strings.LastIndexByte(g, '='); i >= 0 { // the last one: a line id may hold others
			pieces, err := strconv.ParseInt(g[i+1:], 10, 32)
			if err != nil || pieces < 1 {
				return nil, usagef("--item %q: pieces must be a whole number of at least 1, as in LINE=2", g)
			}
			item.LineId, item.Quantity = g[:i], int32(pieces)
		}
		if item.LineId == "" {
			return nil, usagef("--item %q names no line: write LINE or LINE=PIECES", g)
		}
		items = append(items, item)
	}
	return items, nil
}
