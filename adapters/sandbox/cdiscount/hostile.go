package cdiscount

import (
	"cmp"
	"net/http"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
)

// hostile is an answer made to harm its reader, in the shape that the operation answers with. c is nil for the token service.
func (f *Face) hostile(c *call, p fault.Params) face.Answer {
	contentType, frame := xmlContent, face.Frame{
		Before:     `<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">`,
		Between:    `<b>`,
		After:      `</b></string>`,
		WrongTypes: `<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/"><a><b/></a></string>`,
		Duplicates: `<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">a</string><string>b</string>`,
	}
	if c == nil {
		contentType = "text/plain"
	} else {
		frame = hostileFrame(c)
	}
	frame.XML = true
	return f.Hostile(p.Code, cmp.Or(p.Status, http.StatusOK), contentType, frame)
}

// hostileFrame is a good result whose list holds one item, up to the item's text and number.
func hostileFrame(c *call) face.Frame {
	item := map[string]struct{ list, item, text, number string }{
		"GetSellerInformation":       {"Seller", "", "Login", "SiretNumber"},
		"GetGlobalConfiguration":     {"CarrierList", "Carrier", "Name", "CarrierId"},
		"GetProductListByIdentifier": {"ProductListByIdentifier", "ProductByIdentifier", "Ean", "Size"},
		"GetOrderList":               {"OrderList", "Order", "OrderNumber", "ShippedTotalAmount"},
		"ValidateOrderList":          {"ValidateOrderResults", "ValidateOrderResult", "OrderNumber", "Warnings"},
	}[c.op.name]
	var head, open, end, tail document
	head.openResult(c.op, c.base())
	open.open(item.list)
	if c.op.space != "" {
		open.b = []byte(`<` + item.list + ` xmlns="` + c.op.space + `">`)
	}
	if item.item != "" {
		open.open(item.item)
		end.close(item.item)
	}
	end.close(item.list)
	tail.closeResult(c.op)
	text := func(inner string) string { return "<" + item.text + ">" + inner + "</" + item.text + ">" }
	number := func(inner string) string { return "<" + item.number + ">" + inner + "</" + item.number + ">" }
	whole := func(body string) string {
		return string(head.b) + string(open.b) + body + string(end.b) + string(tail.b)
	}
	return face.Frame{
		Before:     string(head.b) + string(open.b) + "<" + item.text + ">",
		Between:    "</" + item.text + "><" + item.number + ">",
		After:      "</" + item.number + ">" + string(end.b) + string(tail.b),
		WrongTypes: whole(text("<a><b>1</b></a>") + number("<a>many</a>")),
		Duplicates: string(head.b) + string(open.b) + text("A") + text("B") + number("1") + number("2") + string(end.b) +
			`<` + item.list + `/>` + string(tail.b),
	}
}
