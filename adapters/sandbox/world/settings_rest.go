package world

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// RESTSettings are the habits that only the Octopia face has. Most stand for something that octopia-rest.md 13 lists as
// uncertain, so that a client can be tried both ways.
type RESTSettings struct {
	// ClientTokenLifetime is how long new tokens of a client live; two hours as measured (octopia-rest.md 1).
	ClientTokenLifetime Duration `json:"client_token_lifetime"`
	// ClientTokenQuota is how many tokens a client gets within an hour (octopia-rest.md 1); zero means no limit.
	ClientTokenQuota int `json:"client_token_quota"`
	// LongTokens makes tokens of about 7 KB, as measured (octopia-rest.md 1); else they are short.
	LongTokens bool `json:"long_tokens"`
	// TokenErrorShape and TokenErrorStatus are how the token route refuses: "keycloak" or "problem", 400 or 401
	// (octopia-rest.md 13.9).
	TokenErrorShape  string `json:"token_error_shape"`
	TokenErrorStatus int    `json:"token_error_status"`
	// PageSizeOver is what a pageSize above 100 does: "cap" or "reject" (octopia-rest.md 13.17).
	PageSizeOver string `json:"page_size_over"`
	// SortSpelling is which spellings of sort are understood: "both", "field" (createdAt) or "prefixed" (asc:updatedAt); the
	// other is answered 400 (octopia-rest.md 13.3).
	SortSpelling string `json:"sort_spelling"`
	// DefaultSort is the order without sort, in the spelling "desc:createdAt". The contract does not say.
	DefaultSort string `json:"default_sort"`
	// DateBounds is whether date filters include their bounds: "inclusive" or "exclusive" (octopia-rest.md 13.17).
	DateBounds string `json:"date_bounds"`
	// DateZone is how dates are written: "Z" or "+00:00" (octopia-rest.md 5).
	DateZone string `json:"date_zone"`
	// ShiftPages is how many of the orders that a page told change right after it: updatedAt becomes the present, so that
	// pages behind may shift while they are read. Zero means none.
	ShiftPages int `json:"shift_pages"`
	// ShippableLineStatus is the status of the lines of a shippable order: "InPreparation", or "Accepted" as before 3 Nov 2025
	// (octopia-rest.md 5.4).
	ShippableLineStatus string `json:"shippable_line_status"`
	// ReferenceIs is what reference holds: "partner" (the partner's reference, null without one), "number" (the order number) or
	// "null" (octopia-rest.md 13.1).
	ReferenceIs string `json:"reference_is"`
	// RelayLabel is the delivery mode label of pickup orders, which nobody has seen: "invented" gives one for each network,
	// "unknown" the same for all (octopia-rest.md 13.7).
	RelayLabel string `json:"relay_label"`
	// TotalWithFees tells whether an order's total holds the service fees (octopia-rest.md 13.13).
	TotalWithFees bool `json:"total_with_fees"`
	// WriteStatus is the HTTP status of accepted writes: 200, 201 or 204 (octopia-rest.md 13.4).
	WriteStatus int `json:"write_status"`
	// StrictCarriers refuses carrier names that GET /carriers does not list (octopia-rest.md 13.6).
	StrictCarriers bool `json:"strict_carriers"`
	// ExtraFields puts fields that no contract knows into every n-th order on average; zero means into none.
	ExtraFields int `json:"extra_fields"`
}

// defaultRESTSettings is how the Octopia face behaves unless told otherwise.
func defaultRESTSettings() RESTSettings {
	return RESTSettings{
		ClientTokenLifetime: Duration(2 * time.Hour), ClientTokenQuota: 500, LongTokens: true, TokenErrorShape: "keycloak",
		TokenErrorStatus: 401, PageSizeOver: "cap", SortSpelling: "both", DefaultSort: "desc:createdAt", DateBounds: "inclusive",
		DateZone: "Z", ShippableLineStatus: "InPreparation", ReferenceIs: "partner", RelayLabel: "invented", TotalWithFees: true,
		WriteStatus: 201, StrictCarriers: true, ExtraFields: 5,
	}
}

// check says which setting has a value that it cannot have.
func (s RESTSettings) check() error {
	for _, word := range []struct {
		name, value string
		allowed     []string
	}{
		{"token_error_shape", s.TokenErrorShape, []string{"keycloak", "problem"}},
		{"page_size_over", s.PageSizeOver, []string{"cap", "reject"}},
		{"sort_spelling", s.SortSpelling, []string{"both", "field", "prefixed"}},
		{"default_sort", s.DefaultSort, []string{"asc:createdAt", "desc:createdAt", "asc:updatedAt", "desc:updatedAt"}},
		{"date_bounds", s.DateBounds, []string{"inclusive", "exclusive"}},
		{"date_zone", s.DateZone, []string{"Z", "+00:00"}},
		{"shippable_line_status", s.ShippableLineStatus, []string{"InPreparation", "Accepted"}},
		{"reference_is", s.ReferenceIs, []string{"partner", "number", "null"}},
		{"relay_label", s.RelayLabel, []string{"invented", "unknown"}},
	} {
		if !slices.Contains(word.allowed, word.value) {
			return fmt.Errorf("%s %q is none of %v", word.name, word.value, word.allowed)
		}
	}
	for _, number := range []struct {
		name    string
		value   int
		allowed []int
	}{
		{"token_error_status", s.TokenErrorStatus, []int{400, 401}},
		{"write_status", s.WriteStatus, []int{200, 201, 204}},
	} {
		if !slices.Contains(number.allowed, number.value) {
			return fmt.Errorf("%s %d is none of %v", number.name, number.value, number.allowed)
		}
	}
	if s.ClientTokenQuota < 0 || s.ShiftPages < 0 || s.ExtraFields < 0 {
		return errors.New("client_token_quota, shift_pages and extra_fields must not be negative")
	}
	return nil
}
