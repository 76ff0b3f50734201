package cdiscount

import (
	"slices"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// orderLines writes the goods and, as pseudo lines, the fees (cdiscount-soap.md 6.3).
func (d *document) orderLines(o *world.Order, fetch bool) {
	if !fetch || len(o.Lines)+len(o.Fees) == 0 {
		d.empty("OrderLineList")
		return
	}
	d.open("OrderLineList")
	for i := range o.Lines {
		d.orderLine(o, &o.Lines[i], o.Claim && i == 0)
	}
	for _, fee := range o.Fees {
		state := world.LineNone
		if o.State.Accepted() {
			state = world.LineAccepted
		}
		d.line(lineParts{
			state: string(state), name: fee.Label, condition: "New", product: fee.Code, price: fee.Amount, quantity: 1, fee: true,
		})
	}
	d.close("OrderLineList")
}

// lineParts are the fields of one line. Empty strings of goods are written as null, where the schema allows it.
type lineParts struct {
	state, category, name, condition, ean, product, seller, parent string
	deliverFrom, deliverBy, shipBy                                 time.Time
	price, first, next                                             world.Amount
	quantity                                                       int
	generatedEAN, fee, claim, sparse                               bool
	shippingRefunded                                               *bool
}

func (d *document) orderLine(o *world.Order, l *world.Line, claim bool) {
	p := lineParts{
		state: string(l.State), category: l.Category, name: l.Title, condition: l.Condition, ean: l.EAN, product: l.ProductID,
		seller: l.SKU, parent: l.ParentSKU, deliverFrom: o.DeliverFrom, deliverBy: o.DeliverBy, price: l.Total,
		first: l.FirstShipping, next: l.NextShipping, quantity: l.Quantity, generatedEAN: l.EAN == "", shippingRefunded: l.ShippingRefunded, claim: claim,
	}
	if o.State.Accepted() {
		p.shipBy = o.ShipBy // until then the service sends its unset date
	}
	if l.State == world.LineRefundedAfterRefusal {
		p.quantity = 0 // as recorded
	}
	if o.Sparse {
		p = lineParts{
			seller: l.SKU, price: l.Total, quantity: l.Quantity, first: l.FirstShipping, next: l.NextShipping, sparse: true,
		}
	}
	d.line(p)
}

func (d *document) line(p lineParts) {
	d.open("OrderLine")
	d.textOrNull("AcceptationState", p.state)
	d.textOrNull("CategoryCode", p.category)
	d.date("DeliveryDateMax", p.deliverBy)
	d.date("DeliveryDateMin", p.deliverFrom)
	d.boolean("HasClaim", p.claim)
	d.null("InitialPrice")
	d.boolean("IsCDAV", false)
	d.null("IsNegotiated")
	d.boolean("IsProductEanGenerated", p.generatedEAN)
	d.textOrNull("Name", p.name)
	if p.sparse {
		d.null("OrderLineChildList")
	} else {
		d.empty("OrderLineChildList")
	}
	d.textOrNull("ProductCondition", p.condition)
	if p.fee || p.generatedEAN {
		d.empty("ProductEan")
	} else {
		d.textOrNull("ProductEan", p.ean)
	}
	d.textOrNull("ProductId", p.product)
	d.amount("PurchasePrice", p.price)
	d.integer("Quantity", p.quantity)
	if p.shippingRefunded == nil {
		d.null("RefundShippingCharges")
	} else {
		d.boolean("RefundShippingCharges", *p.shippingRefunded)
	}
	d.integer("RowId", 0)
	d.text("SellerProductId", p.seller)
	d.date("ShippingDateMax", p.shipBy)
	d.date("ShippingDateMin", p.shipBy)
	d.textOrNull("Sku", p.product)
	d.textOrNull("SkuParent", p.parent)
	d.amount("UnitAdditionalShippingCharges", p.next)
	d.amount("UnitShippingCharges", p.first)
	d.close("OrderLine")
}

// parcels writes ParcelList (cdiscount-soap.md 6.5). Without FetchParcels it is empty even for a shipped order.
func (d *document) parcels(o *world.Order, fetch bool) {
	if o.Sparse && len(o.Parcels) == 0 {
		d.null("ParcelList")
		return
	}
	if !fetch || len(o.Parcels) == 0 {
		d.empty("ParcelList")
		return
	}
	d.open("ParcelList")
	for _, p := range o.Parcels {
		d.open("Parcel")
		d.text("CustomerNum", p.TrackingNumber)
		d.textOrNull("ExternalCarrierName", p.Carrier)
		d.textOrNull("ExternalCarrierTrackingUrl", p.TrackingURL)
		d.boolean("IsCustomerReturn", false)
		d.open("ParcelItemList")
		for _, l := range o.Lines {
			if slices.Contains(p.SKUs, l.SKU) {
				d.open("ParcelItem")
				d.text("ProductName", l.Title)
				d.integer("Quantity", l.Quantity)
				d.text("Sku", l.ProductID)
				d.close("ParcelItem")
			}
		}
		d.close("ParcelItemList")
		d.textOrNull("ParcelStatus", p.Status)
		d.null("RealCarrierCode")
		d.close("Parcel")
	}
	d.close("ParcelList")
}
