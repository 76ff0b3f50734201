package carrier

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// numberMark stands in a tracking page for the tracking number.
const numberMark = "{n}"

// TrackingURL returns the address of the public page of a parcel: the carrier's page (the canonical name, as in Match.Carrier)
// with the tracking number, percent-encoded. It returns false when the table has no page of this carrier, or the number holds
// no letter or digit. What a marketplace allows of a URL, such as its length, is for the caller to check.
func (t Table) TrackingURL(carrier, number string) (string, bool) {
	k, ok := t.lookup(carrier)
	if !ok || k.TrackingPage == "" || Fold(number) == "" {
		return "", false
	}
	// What a query needs encoded covers what a path does, but for the blank: "+" is one in a query only.
	encoded := strings.ReplaceAll(url.QueryEscape(number), "+", "%20")
	return strings.Replace(k.TrackingPage, numberMark, encoded, 1), true
}

// checkPage checks the template of a tracking page.
func checkPage(page string) error {
	before, after, found := strings.Cut(page, numberMark)
	if !found || strings.ContainsAny(before+after, "{}") {
		return fmt.Errorf("needs %s once and no other braces", numberMark)
	}
	if strings.ContainsFunc(page, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("holds a blank or a character that a URL does not; percent-encode it")
	}
	if _, err := url.Parse(before + "1" + after); err != nil {
		return errors.New("is not a URL")
	}
	// The number must not reach the host: a seller's text would choose the site then.
	u, err := url.Parse(before)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		return errors.New("is not an absolute https URL")
	case u.User != nil:
		return errors.New("holds a user name")
	case u.Path == "" && !u.ForceQuery && u.RawQuery == "" && u.Fragment == "":
		return fmt.Errorf("has %s in the host", numberMark)
	}
	return nil
}
