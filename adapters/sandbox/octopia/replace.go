package octopia

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
)

// replacement is what a fault answers instead of a route's own answer.
func (f *Face) replacement(c *call, d fault.Decision) face.Answer {
	p := d.Params
	switch d.Kind {
	case fault.HTML:
		return face.Page(p, http.StatusBadGateway) // as seen (octopia-rest.md 2)
	case fault.Malformed:
		a := face.Text(f.brokenStatus(c, p), jsonContent, cmp.Or(p.Body, `{"itemsPerPage":1,"items":[{"orderId":"BRO`+"\n"+`KEN",}`))
		return a
	case fault.Throttle:
		return tooMany(p)
	case fault.Hostile:
		return f.Hostile(p.Code, f.brokenStatus(c, p), jsonContent, hostileFrame(c.action))
	case fault.Refusal:
		return refusal(p)
	case fault.Problem:
		return problem{Status: cmp.Or(p.Status, http.StatusBadRequest), Title: cmp.Or(p.Code, "Bad Request"), Detail: p.Text}.answer()
	default: // fault.Quota
		return quota(p)
	}
}

// tokenReplacement is what a fault answers instead of a token.
func (f *Face) tokenReplacement(d fault.Decision) face.Answer {
	p := d.Params
	switch d.Kind {
	case fault.HTML:
		return face.Page(p, http.StatusBadGateway)
	case fault.Malformed:
		return face.Text(cmp.Or(p.Status, http.StatusOK), "application/json", cmp.Or(p.Body, `{"access_token":"BROKEN`))
	case fault.Hostile:
		return f.Hostile(p.Code, cmp.Or(p.Status, http.StatusOK), "application/json", hostileFrame(fault.Token))
	case fault.Refusal:
		return f.tokenRefused("invalid_request", p.Text, cmp.Or(p.Status, http.StatusBadRequest))
	default: // fault.Throttle
		return tooMany(p)
	}
}

// brokenStatus is the status of an answer whose body makes no sense. A success says that a write was carried out, whatever the
// body (octopia-rest.md 4), so one that was not never gets it.
func (f *Face) brokenStatus(c *call, p fault.Params) int {
	switch status := f.World.Settings().WriteStatus; {
	case p.Status != 0:
		return p.Status
	case c.describe == nil:
		return http.StatusOK
	case !p.Apply:
		return http.StatusInternalServerError
	case status == http.StatusNoContent: // which has no body
		return http.StatusCreated
	default:
		return status
	}
}

// refusal is a problem with a text in the place of each text that a problem has (octopia-rest.md 2).
func refusal(p fault.Params) face.Answer {
	a := invalid("carrierName", p.Text)
	a.Status, a.Title, a.Detail = cmp.Or(p.Status, a.Status), p.Text, p.Text
	return a.answer()
}

// tooMany is the rate limit. The documentation asks for patience and names no delay; Retry-After is unproven (octopia-rest.md
// 2, 13.8).
func tooMany(p fault.Params) face.Answer {
	a := problem{Title: "Too Many Requests", Status: http.StatusTooManyRequests}.answer()
	if p.Seconds > 0 {
		a.Header = http.Header{"Retry-After": {strconv.Itoa(p.Seconds)}}
	}
	return a
}

// quota is the volume quota of the gateway, word by word as measured but for the time (octopia-rest.md 2).
func quota(p fault.Params) face.Answer {
	const measured = 11*time.Minute + 35*time.Second
	left := measured
	if p.Seconds > 0 {
		left = time.Duration(p.Seconds) * time.Second
	}
	text := fmt.Sprintf("%02d:%02d:%02d", int(left.Hours()), int(left.Minutes())%60, int(left.Seconds())%60)
	return gatewayError(http.StatusForbidden, "Out of call volume quota. Quota will be replenished in "+text+".")
}

// hostileFrame is a good answer to a call for that action, around one text and one number.
func hostileFrame(action fault.Action) face.Frame {
	const head = `"status":"InPreparation","salesChannel":{"id":"CDISFR"},"lines":[{"orderLineId":"1","status":"InPreparation",` +
		`"offer":{"sellerProductId":"A","supplyMode":"Seller"},"quantity":`
	const (
		wrong  = `{"orderId":{"a":[1]},"status":["InPreparation"],"salesChannel":"CDISFR","lines":{"orderLineId":[],"quantity":"many"}}`
		double = `{"orderId":"A","orderId":"B",` + head + `1,"quantity":2}],"lines":[]}`
	)
	switch action {
	case fault.Token:
		return face.Frame{
			Before: `{"token_type":"Bearer","access_token":`, Between: `,"expires_in":`, After: `}`,
			WrongTypes: `{"token_type":{},"access_token":["a"],"expires_in":{"seconds":1}}`,
			Duplicates: `{"token_type":"Bearer","access_token":"a","access_token":"b","expires_in":7200,"expires_in":1}`,
		}
	case fault.List:
		return face.Frame{
			Before: `{"itemsPerPage":1,"items":[{"orderId":`, Between: `,` + head, After: `}]}]}`,
			WrongTypes: `{"itemsPerPage":"many","items":[` + wrong + `]}`, Duplicates: `{"itemsPerPage":1,"items":[` + double + `],"itemsPerPage":0,"items":[]}`,
		}
	case fault.Get:
		return face.Frame{Before: `{"orderId":`, Between: `,` + head, After: `}]}`, WrongTypes: wrong, Duplicates: double}
	case fault.Count:
		return face.Frame{Before: `{"count":`, Between: `,"total":`, After: `}`, WrongTypes: `["1"]`, Duplicates: `1 2`}
	case fault.Account:
		return face.Frame{
			Before: `{"seller_state":"Activated","login":`, Between: `,"seller_id":`, After: `}`,
			WrongTypes: `{"seller_state":{"a":1},"login":["a"],"seller_id":{"id":1},"auto_accept_order":"perhaps"}`,
			Duplicates: `{"seller_state":"Activated","seller_state":"Deactivated","login":"a","login":"b","seller_id":1,"seller_id":2}`,
		}
	case fault.Carriers:
		return face.Frame{
			Before: `[{"label":`, Between: `,"code":`, After: `}]`, WrongTypes: `{"label":{"a":1},"code":[1]}`,
			Duplicates: `[{"code":"a","code":"b","label":"A","label":"B"}]`,
		}
	case fault.Products:
		return face.Frame{
			Before: `{"itemsPerPage":1,"items":[{"gtin":`, Between: `,"attributes":[{"reference":"3263","values":[`, After: `]}]}]}`,
			WrongTypes: `{"itemsPerPage":"many","items":[{"gtin":{"a":1},"attributes":{"values":"Bleu"}}]}`,
			Duplicates: `{"itemsPerPage":1,"items":[{"gtin":"1","gtin":"2","attributes":[{"values":["Bleu"],"values":["Rouge"]}],"attributes":[]}],"items":[]}`,
		}
	default: // writes answer with problems
		return face.Frame{
			Before: `{"title":`, Between: `,"status":`, After: `}`, WrongTypes: `{"title":{"a":1},"status":["x"],"errors":[{"a":1}]}`,
			Duplicates: `{"title":"A","title":"B","status":400,"status":500,"errors":{"a":["x"],"a":["y"]}}`,
		}
	}
}
