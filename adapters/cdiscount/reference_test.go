package cdiscount_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

const nsInstance = "http://www.w3.org/2001/XMLSchema-instance"

// The reference decoder: encoding/xml and struct tags, slow and obvious. It shares the mapping with the adapter, which is
// tested by tables; what it holds is the reading.
type (
	refOrder struct {
		BillingAddress                    refAddress
		CorporationCode                   string `xml:"Corporation>CorporationCode"`
		CreationDate                      string
		Customer                          refCustomer
		InitialTotalAmount                string
		InitialTotalShippingChargesAmount string
		IsCLogistiqueOrder                string
		LastUpdatedDate                   string
		ModGesLog                         string
		ModifiedDate                      string
		Lines                             []refLine `xml:"OrderLineList>OrderLine"`
		OrderNumber                       string
		OrderState                        string
		Parcels                           []refParcel `xml:"ParcelList>Parcel"`
		PartnerOrderRef                   string
		ShippingAddress                   refAddress
		ShippingCode                      string
		ShippingDateMax                   string
		ShippingDateMin                   string
		SiteCommissionPromisedAmount      string
		SiteCommissionValidatedAmount     string
		ValidatedTotalAmount              string
		ValidatedTotalShippingCharges     string
	}
	refLine struct {
		Nil                           string `xml:"http://www.w3.org/2001/XMLSchema-instance nil,attr"`
		AcceptationState              string
		DeliveryDateMax               string
		DeliveryDateMin               string
		Name                          string
		ProductCondition              string
		ProductEan                    string
		ProductID                     string `xml:"ProductId"`
		PurchasePrice                 string
		Quantity                      string
		SellerProductID               string `xml:"SellerProductId"`
		ShippingDateMax               string
		Sku                           string
		UnitAdditionalShippingCharges string
		UnitShippingCharges           string
	}
	refParcel struct {
		Nil                        string `xml:"http://www.w3.org/2001/XMLSchema-instance nil,attr"`
		CustomerNum                string
		ExternalCarrierName        string
		ExternalCarrierTrackingURL string `xml:"ExternalCarrierTrackingUrl"`
		IsCustomerReturn           string
		ParcelStatus               string
		RealCarrierCode            string
	}
	refAddress struct {
		Address1, Address2, ApartmentNumber, Building, City, Civility, CompanyName, Country, County string
		FirstName, Instructions, LastName, PlaceName                                                string
		RelayID                                                                                     string `xml:"RelayId"`
		Street, ZipCode                                                                             string
	}
	refCustomer struct {
		Civility                                                                                            string
		CustomerID                                                                                          string `xml:"CustomerId"`
		Email, EncryptedEmail, FirstName, LastName, MobilePhone, Phone, ShippingFirstName, ShippingLastName string
	}
)

// wire gives what was read the adapter's own form.
func (o *refOrder) wire() *cdiscount.WireOrder {
	w := &cdiscount.WireOrder{
		CorporationCode: o.CorporationCode, CreationDate: o.CreationDate, InitialTotalAmount: o.InitialTotalAmount,
		InitialTotalShippingChargesAmount: o.InitialTotalShippingChargesAmount, IsCLogistiqueOrder: o.IsCLogistiqueOrder,
		LastUpdatedDate: o.LastUpdatedDate, ModGesLog: o.ModGesLog, ModifiedDate: o.ModifiedDate, OrderNumber: o.OrderNumber,
		OrderState: o.OrderState, PartnerOrderRef: o.PartnerOrderRef, ShippingCode: o.ShippingCode,
		ShippingDateMax: o.ShippingDateMax, ShippingDateMin: o.ShippingDateMin,
		SiteCommissionPromisedAmount: o.SiteCommissionPromisedAmount, SiteCommissionValidatedAmount: o.SiteCommissionValidatedAmount,
		ValidatedTotalAmount: o.ValidatedTotalAmount, ValidatedTotalShippingCharges: o.ValidatedTotalShippingCharges,
		BillingAddress: cdiscount.WireAddress(o.BillingAddress), ShippingAddress: cdiscount.WireAddress(o.ShippingAddress),
		Customer: cdiscount.WireCustomer(o.Customer),
	}
	for _, l := range o.Lines {
		if !isTrue(l.Nil) {
			w.Lines = append(w.Lines, &cdiscount.WireLine{
				AcceptationState: l.AcceptationState, DeliveryDateMax: l.DeliveryDateMax, DeliveryDateMin: l.DeliveryDateMin, Name: l.Name,
				ProductCondition: l.ProductCondition, ProductEan: l.ProductEan, ProductID: l.ProductID, PurchasePrice: l.PurchasePrice,
				Quantity: l.Quantity, SellerProductID: l.SellerProductID, ShippingDateMax: l.ShippingDateMax, Sku: l.Sku,
				UnitAdditionalShippingCharges: l.UnitAdditionalShippingCharges, UnitShippingCharges: l.UnitShippingCharges,
			})
		}
	}
	for _, p := range o.Parcels {
		if !isTrue(p.Nil) {
			w.Parcels = append(w.Parcels, &cdiscount.WireParcel{
				CustomerNum: p.CustomerNum, ExternalCarrierName: p.ExternalCarrierName, IsCustomerReturn: p.IsCustomerReturn,
				ExternalCarrierTrackingURL: p.ExternalCarrierTrackingURL, ParcelStatus: p.ParcelStatus, RealCarrierCode: p.RealCarrierCode,
			})
		}
	}
	return w
}

func isTrue(s string) bool { s = strings.TrimSpace(s); return s == "true" || s == "1" }

// refReader walks an answer as readAnswer does.
type refReader struct {
	dec          *xml.Decoder
	orders       []*adapterv1.Order
	ok, seen     bool
	found, fault bool
}

// errReference is what the reference says of an answer that is well-formed and wrong.
var errReference = errors.New("not an answer")

func (r *refReader) children(visit func(xml.StartElement) error) error {
	for {
		token, err := r.dec.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := visit(token); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// only visits the children of one name and skips the others.
func (r *refReader) only(visit func(xml.StartElement) error, names ...string) error {
	return r.children(func(e xml.StartElement) error {
		for _, n := range names {
			if e.Name.Local == n {
				return visit(e)
			}
		}
		return r.dec.Skip()
	})
}

func (r *refReader) result(e xml.StartElement) error {
	switch e.Name.Local {
	case "OperationSuccess":
		var text string
		if err := r.dec.DecodeElement(&text, &e); err != nil {
			return err
		}
		text = strings.TrimSpace(text)
		if !isTrue(text) && text != "false" && text != "0" {
			return errReference
		}
		r.ok, r.seen = isTrue(text), true
		return nil
	case "OrderList":
		if !r.seen {
			return errReference
		}
		if !r.ok {
			return r.dec.Skip()
		}
		return r.only(r.order, "Order")
	}
	return r.dec.Skip()
}

func (r *refReader) order(e xml.StartElement) error {
	if isNil(e) {
		return r.dec.Skip()
	}
	var o refOrder
	if err := r.dec.DecodeElement(&o, &e); err != nil {
		return err
	}
	mapped, err := cdiscount.MapOrder(o.wire())
	r.orders = append(r.orders, mapped)
	return err
}

// reference decodes an answer of GetOrderList with encoding/xml.
func reference(doc string) ([]*adapterv1.Order, error) {
	doc = strings.TrimPrefix(doc, "\uFEFF")
	r := &refReader{dec: xml.NewDecoder(strings.NewReader(doc))}
	rooted := false
	for {
		raw := doc[r.dec.InputOffset():]
		token, err := r.dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.CharData:
			if strings.Trim(string(token), " \t\r\n") != "" || strings.HasPrefix(raw, "<![CDATA[") {
				return nil, errReference
			}
		case xml.StartElement:
			if rooted || token.Name.Local != "Envelope" || token.Name.Space != "http://schemas.xmlsoap.org/soap/envelope/" {
				return nil, errReference
			}
			rooted = true
			err := r.only(func(xml.StartElement) error {
				return r.only(func(e xml.StartElement) error {
					if e.Name.Local == "Fault" {
						r.fault = true
						return r.dec.Skip()
					}
					return r.only(func(xml.StartElement) error {
						r.found = true
						return r.children(r.result)
					}, "GetOrderListResult")
				}, "Fault", "GetOrderListResponse")
			}, "Body")
			if err != nil {
				return nil, err
			}
		}
	}
	if !rooted || r.fault || !r.found || !r.seen || !r.ok || !shapely(doc) {
		return nil, errReference
	}
	return r.orders, nil
}
