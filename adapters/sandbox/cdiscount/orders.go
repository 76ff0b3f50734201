package cdiscount

import (
	"cmp"
	"io"
	"net/http"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// flushAt is how many bytes of an order list are gathered before they are written.
const flushAt = 32 << 10

// getOrderList lists orders, newest first (cdiscount-soap.md 6). The list is written order by order, so that its length does
// not cost memory.
func (f *Face) getOrderList(c *call) face.Answer {
	parameter := c.parameter()
	if parameter == nil || parameter.null {
		b := c.base()
		b.message = "Invalid filter object"
		return refusal(c.op, b)
	}
	asked, err := readFilter(parameter)
	if err != nil {
		return deserializationFailed(c.op.parameter, err)
	}
	settings := f.World.Settings()
	asked.pairsRequired, asked.datedOnly = settings.DatePairsRequired, settings.UndatedNeverModified
	now := f.World.Clock().Now()
	list := f.find(c.seller.Account, asked, now)
	if settings.SlowListOver > 0 && list.orders > settings.SlowListOver {
		f.Wait(time.Duration(settings.SlowListBy))
	}
	b := c.base()
	b.message = cmp.Or(settings.OrderListWarning, b.message)

	var head, tail document
	head.openResult(c.op, b)
	if list.orders == 0 {
		head.empty("OrderList")
	} else {
		head.open("OrderList")
		tail.close("OrderList")
	}
	tail.closeResult(c.op)
	a := face.Answer{Status: http.StatusOK, ContentType: xmlContent, Compress: list.rendered == 0}
	if list.rendered == list.orders {
		a.Length = int64(len(head.b)) + list.size + int64(len(tail.b))
	}
	a.Write = func(w io.Writer) error {
		if _, err := w.Write(head.b); err != nil {
			return err
		}
		if err := f.writeOrders(w, list, asked, now); err != nil {
			return err
		}
		_, err := w.Write(tail.b)
		return err
	}
	return a
}

// writeOrders writes a list: what was rendered before as it is, the rest as the orders are at this moment.
func (f *Face) writeOrders(w io.Writer, list orderList, asked filter, now time.Time) error {
	var d document
	for _, p := range list.pieces {
		if p.number != "" {
			if o, ok := f.World.Read(p.number); ok { // else it was removed meanwhile
				d.order(&o, asked, now)
			}
		}
		if len(d.b) >= flushAt || p.number == "" {
			if _, err := w.Write(d.b); err != nil {
				return err
			}
			d.b = d.b[:0]
		}
		if p.number == "" {
			if _, err := w.Write(p.body); err != nil {
				return err
			}
		}
	}
	_, err := w.Write(d.b)
	return err
}

// order writes one order with all fields, in the order of the schema (cdiscount-soap.md 6.2).
func (d *document) order(o *world.Order, asked filter, now time.Time) {
	view := o.AddressView(now)
	sums := totals(o)
	d.open("Order")
	d.boolean("ArchiveParcelList", false)
	d.billingAddress(o, view)
	d.corporation(o)
	d.date("CreationDate", o.Created)
	d.customer(o, view, now)
	d.boolean("HasClaims", o.Claim)
	d.amount("InitialTotalAmount", sums.initial)
	d.amount("InitialTotalShippingChargesAmount", sums.initialShipping)
	d.boolean("IsCLogistiqueOrder", o.Fulfilment == world.ByMarketplace)
	d.boolean("IsEligibileSubstitution", false)
	d.dateOrNull("LastUpdatedDate", o.Modified)
	d.textOrNull("ModGesLog", unless(o.Sparse, logistics(o)))
	if o.Sparse || !o.StateKnown(now) {
		d.null("ModifiedDate")
	} else {
		d.date("ModifiedDate", o.Created.Add(o.LastChange().Sub(o.Created)/2).Truncate(10*time.Millisecond))
	}
	d.null("Offer")
	d.orderLines(o, asked.fetchLines)
	d.text("OrderNumber", o.Number)
	if o.StateKnown(now) {
		d.textOrNull("OrderState", string(o.State))
	} else {
		d.null("OrderState")
	}
	d.parcels(o, asked.fetchParcels)
	d.textOrNull("PartnerOrderRef", o.PartnerRef)
	d.amount("ShippedTotalAmount", sums.shipped)
	d.amount("ShippedTotalShippingCharges", sums.shippedShipping)
	d.shippingAddress(o, view)
	d.textOrNull("ShippingCode", o.Delivery)
	d.dateOrNull("ShippingDateMax", unlessTime(o.Sparse, o.DeliverBy)) // recorded equal to the delivery dates of the lines
	d.dateOrNull("ShippingDateMin", unlessTime(o.Sparse, o.DeliverFrom))
	d.amount("SiteCommissionPromisedAmount", sums.goods.Percent(commissionPercent))
	d.amount("SiteCommissionShippedAmount", sums.shippedGoods.Percent(commissionPercent))
	d.amount("SiteCommissionValidatedAmount", sums.validatedGoods.Percent(commissionPercent))
	status, visa := paymentSide(o, now)
	d.text("Status", status)
	d.amount("ValidatedTotalAmount", sums.validated)
	d.amount("ValidatedTotalShippingCharges", sums.validatedShipping)
	d.text("ValidationStatus", "None")
	d.textOrNull("VisaCegid", unless(o.Sparse, visa))
	d.vouchers(o)
	d.close("Order")
}

// vouchers writes VoucherList; null without any, as recorded.
func (d *document) vouchers(o *world.Order) {
	if len(o.Vouchers) == 0 {
		d.null("VoucherList")
		return
	}
	d.open("VoucherList")
	for _, v := range o.Vouchers {
		d.open("Voucher")
		d.dateOrNull("CreateDate", v.Created)
		d.open("RefundInformation")
		d.amount("Amount", v.Amount)
		d.integer("MotiveId", v.Motive)
		d.close("RefundInformation")
		d.textOrNull("Source", v.Source)
		d.close("Voucher")
	}
	d.close("VoucherList")
}

func unless(sparse bool, s string) string {
	if sparse {
		return ""
	}
	return s
}

func unlessTime(sparse bool, t time.Time) time.Time {
	if sparse {
		return time.Time{}
	}
	return t
}

// logistics is the order type: who ships (cdiscount-soap.md 6.2).
func logistics(o *world.Order) string {
	if o.Fulfilment == world.ByMarketplace {
		return "MKPFBC"
	}
	return "MKPCDS"
}

// paymentSide is Status and VisaCegid, as recorded for some states (cdiscount-soap.md 7.3).
func paymentSide(o *world.Order, now time.Time) (status, visa string) {
	if !o.StateKnown(now) {
		return "Completed", ""
	}
	switch o.State {
	case world.WaitingForSellerAcceptation:
		return "Validated", "100"
	case world.CancelledByCustomer, world.AutomaticCancellation:
		return "Cancelled", "98"
	case world.RefusedBySeller:
		return "Completed", "240"
	case world.Shipped:
		return "Completed", "230"
	case world.ShipmentRefusedBySeller:
		return "Completed", "243"
	case world.PaymentRefused:
		return "Cancelled", ""
	default:
		return "Completed", ""
	}
}

// commissionPercent is the invented share of the marketplace.
const commissionPercent = 15

// sums are the totals of an order: ordered, accepted and shipped part.
type sums struct {
	goods, initial, initialShipping              world.Amount
	validatedGoods, validated, validatedShipping world.Amount
	shippedGoods, shipped, shippedShipping       world.Amount
}

// totals adds up an order. Totals hold goods, shipping and fees, as in the contract's example.
func totals(o *world.Order) sums {
	var s sums
	var fees world.Amount
	for _, fee := range o.Fees {
		fees = fees.Add(fee.Amount)
	}
	for _, l := range o.Lines {
		s.goods, s.initialShipping = s.goods.Add(l.Total), s.initialShipping.Add(l.Shipping())
		if l.State == world.LineRefused {
			continue
		}
		s.validatedGoods, s.validatedShipping = s.validatedGoods.Add(l.Total), s.validatedShipping.Add(l.Shipping())
		if l.State == world.LineShipped || l.State == world.LineNone {
			s.shippedGoods, s.shippedShipping = s.shippedGoods.Add(l.Total), s.shippedShipping.Add(l.Shipping())
		}
	}
	s.initial = s.goods.Add(s.initialShipping).Add(fees)
	if !o.State.Accepted() {
		s.validatedGoods, s.validatedShipping = world.Amount{}, world.Amount{}
	} else {
		s.validated = s.validatedGoods.Add(s.validatedShipping).Add(fees)
	}
	if o.State != world.Shipped {
		s.shippedGoods, s.shippedShipping = world.Amount{}, world.Amount{}
	} else {
		s.shipped = s.shippedGoods.Add(s.shippedShipping).Add(fees)
	}
	return s
}
