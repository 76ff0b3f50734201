package shipment

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"github.com/relaishq/relais/server/order"
)

// Item is an article in a parcel.
type Item struct {
	LineID   string `json:"line_id"`
	Quantity int32  `json:"quantity,omitempty"` // zero means the whole line
}

// Request is what the caller stated. The JSON form is what storage keeps, and what tells two requests apart.
type Request struct {
	OrderNumber    string       `json:"order_number"`
	Carrier        string       `json:"carrier"` // as the caller wrote it
	TrackingNumber string       `json:"tracking_number"`
	TrackingURL    string       `json:"tracking_url,omitempty"`
	Service        string       `json:"service,omitempty"`
	CarrierFee     *order.Money `json:"carrier_fee,omitempty"`
	ShipTime       time.Time    `json:"ship_time,omitzero"`
	Items          []Item       `json:"items,omitempty"`
	Replaces       string       `json:"replaces,omitempty"` // id of the shipment that this one corrects
}

// Statement is a request as it comes in.
type Statement struct {
	Request
	RequestID string // makes repeating it safe; empty means derived from what it says
	// Force ships although the buyer asks to cancel, or with a carrier that does not serve the order's pickup network.
	Force bool
	// AllowOther takes the marketplace's row for any other carrier when the carrier is not in its list.
	AllowOther bool
}

// Options is how a shipment is treated. What was forced is what stood against it when somebody said so: what comes up later is not
// covered by that.
type Options struct {
	AllowOther bool // the marketplace's row for any other carrier may be taken
	// OverCancel ships although the buyer asks to cancel.
	OverCancel bool
	// OverNetwork ships with a carrier that does not serve the order's pickup network.
	OverNetwork bool
}

// trim removes what people paste around values; nothing inside a value is changed.
func (r *Request) trim() {
	for _, s := range []*string{&r.Carrier, &r.TrackingNumber, &r.TrackingURL, &r.Service} {
		*s = strings.TrimSpace(*s)
	}
}

// key returns the id of a statement and the digest that tells it from another one under the same id. A derived id is the content
// that matters: whoever repeats it finds the shipment, whatever the other fields say.
func (s Statement) key() (requestID string, digest []byte) {
	if s.RequestID != "" {
		return s.RequestID, s.digest()
	}
	derived := derivedRequestID(s.Request)
	return derived, []byte(derived)
}

// derivedRequestID is the key of a request that gives none: order, carrier and tracking number as people write them, and what it
// corrects: a number may come back that an earlier correction had removed.
func derivedRequestID(r Request) string {
	parts := []string{r.OrderNumber, foldKey(r.Carrier), foldKey(r.TrackingNumber)}
	if r.Replaces != "" {
		parts = append(parts, r.Replaces)
	}
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return "auto-" + hex.EncodeToString(sum.Sum(nil)[:16])
}

func (s Statement) digest() []byte {
	b, err := json.Marshal(struct {
		Request
		Force      bool `json:"force,omitempty"`
		AllowOther bool `json:"allow_other,omitempty"`
	}{s.Request, s.Force, s.AllowOther})
	if err != nil {
		panic("shipment: a request is plain data and always encodes: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// foldKey reduces what people write to letters and digits, lower case, without accents. Stored keys are made of it: it must never
// change.
func foldKey(s string) string {
	t := transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), cases.Fold())
	folded, _, err := transform.String(t, s)
	if err != nil {
		folded = strings.ToLower(s)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, folded)
}
