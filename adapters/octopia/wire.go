package octopia

import (
	"encoding/json"
	"reflect"
	"strconv"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// What is used of the answers, as text: a value that nobody can read must not make the whole answer unreadable, while a value
// of another JSON type is not what the contract says. Members that are not named here are skipped; those that are absent or
// null stay empty.

// text is a scalar as it was sent: a string, or the digits of a number, since ids and amounts were seen as both (seller_id is a
// number, seller.id a string; octopia-rest.md 5.1, 11). null reads as empty.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*t = ""
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*t = text(b)
	default:
		return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[text]()}
	}
	return nil
}

// wireOrder is an order (octopia-rest.md 5.1).
type wireOrder struct {
	OrderID      text `json:"orderId"`
	Reference    text `json:"reference"`
	SalesChannel struct {
		ID text `json:"id"`
	} `json:"salesChannel"`
	Customer struct {
		Reference text `json:"reference"`
	} `json:"customer"`
	PurchasedAt    text           `json:"purchasedAt"`
	CreatedAt      text           `json:"createdAt"`
	UpdatedAt      text           `json:"updatedAt"`
	ShippedAtMax   text           `json:"shippedAtMax"`
	Status         text           `json:"status"`
	CurrencyCode   text           `json:"currencyCode"`
	BillingAddress wireAddress    `json:"billingAddress"`
	TotalPrice     wireTotalPrice `json:"totalPrice"`
	Lines          []wireLine     `json:"lines"`
	ServiceFees    []wireFee      `json:"serviceFees"`
	// Read by one client each and documented nowhere (octopia-rest.md 5.1, 13.15): they stand in where no line has them.
	ShippingAddress wireAddress `json:"shippingAddress"`
	SupplyMode      text        `json:"supplyMode"`
}

// wireTotalPrice is what the customer pays (octopia-rest.md 5.1, 5.2).
type wireTotalPrice struct {
	SellingPrice text `json:"sellingPrice"`
}

// wireFee is a service fee.
type wireFee struct {
	Label  text `json:"label"`
	Amount text `json:"amount"`
}

// wireLine is a line (octopia-rest.md 5.2).
type wireLine struct {
	OrderLineID  text           `json:"orderLineId"`
	Status       text           `json:"status"`
	Quantity     text           `json:"quantity"`
	TotalPrice   wireTotalPrice `json:"totalPrice"`
	SellingPrice struct {
		UnitSalesPrice text `json:"unitSalesPrice"`
		ShippingCost   text `json:"shippingCost"`
	} `json:"sellingPrice"`
	OfferPrice struct {
		Commission struct {
			AmountWithVat    text `json:"amountWithVat"`
			AmountWithTax    text `json:"amountWithTax"` // the name that one client uses (octopia-rest.md 13.12)
			AmountWithoutVat text `json:"amountWithoutVat"`
		} `json:"commission"`
	} `json:"offerPrice"`
	Offer struct {
		SellerProductID text `json:"sellerProductId"`
		SupplyMode      text `json:"supplyMode"`
		ProductID       text `json:"productId"`
		ProductTitle    text `json:"productTitle"`
		ProductGtin     text `json:"productGtin"`
		Condition       text `json:"condition"`
	} `json:"offer"`
	Delivery struct {
		Mode          text `json:"mode"`
		PromisedAtMin text `json:"promisedAtMin"`
		PromisedAtMax text `json:"promisedAtMax"`
		ShippedAtMax  text `json:"shippedAtMax"`
	} `json:"delivery"`
	ShippingAddress wireAddress  `json:"shippingAddress"`
	Parcels         []wireParcel `json:"parcels"`
}

// wireAddress is an address; the last four members are a shipping address's only (octopia-rest.md 5.3).
type wireAddress struct {
	Civility      text `json:"civility"`
	FirstName     text `json:"firstName"`
	LastName      text `json:"lastName"`
	CompanyName   text `json:"companyName"`
	AddressLine1  text `json:"addressLine1"`
	AddressLine2  text `json:"addressLine2"`
	AddressLine3  text `json:"addressLine3"`
	PostalCode    text `json:"postalCode"`
	City          text `json:"city"`
	StateOrRegion text `json:"stateOrRegion"`
	CountryCode   text `json:"countryCode"`
	PickupID      text `json:"pickupId"`
	PickupName    text `json:"pickupName"`
	Phone         text `json:"phone"`
	Email         text `json:"email"`
}

// wireParcel is a parcel that was declared.
type wireParcel struct {
	ParcelNumber text `json:"parcelNumber"`
	CarrierName  text `json:"carrierName"`
	TrackingURL  text `json:"trackingUrl"`
}

// wireSeller is the seller's account, in snake_case unlike everything else (octopia-rest.md 11).
type wireSeller struct {
	SellerID        text  `json:"seller_id"`
	Login           text  `json:"login"`
	ShopName        text  `json:"shop_name"`
	SellerState     text  `json:"seller_state"`
	SellerSubState  text  `json:"seller_sub_state"`
	AutoAcceptOrder *bool `json:"auto_accept_order"`
}

// wireCarrier is a carrier (octopia-rest.md 7).
type wireCarrier struct {
	Code  text `json:"code"`
	Label text `json:"label"`
}

// readOrders reads a page of orders and maps each as soon as it was read. size is how many were asked for.
func readOrders(r *answerReader, size int) (orders []*adapterv1.Order, err error) {
	err = readItems(r, size, func(at string, w *wireOrder) error {
		o, err := mapOrder(at, w)
		orders = append(orders, o)
		return err
	})
	return orders, err
}

// readOrder reads one order: a bare object.
func readOrder(r *answerReader) (*adapterv1.Order, error) {
	const at = "the order"
	var w *wireOrder
	if err := r.value(at, &w); err != nil {
		return nil, err
	}
	if w == nil {
		return nil, &malformedError{reason: at + " is null"}
	}
	return mapOrder(at, w)
}

// readItems reads an envelope with items and gives each of them to yield. itemsPerPage is the number of items in this page, as was
// measured (octopia-rest.md 3): a page with fewer is not whole. One that is the size that was asked for says nothing, in case that
// it is the page's size after all.
func readItems[T any](r *answerReader, size int, yield func(at string, item *T) error) error {
	var claimed text
	items := -1
	err := r.object("the answer", func(name string) error {
		switch name {
		case "itemsPerPage":
			return r.value(name, &claimed)
		case "items":
			items = 0
			return readList(r, name, func(at string, item *T) error {
				items++
				return yield(at, item)
			})
		}
		return r.skip(name)
	})
	if err != nil {
		return err
	}
	if items < 0 {
		return &malformedError{reason: "the answer has no items"}
	}
	if n, err := strconv.Atoi(clean(claimed)); err == nil && n > items && n != size {
		return &malformedError{reason: "the page holds fewer items than it says"}
	}
	return nil
}

// readList reads an array of objects and gives each to yield as soon as it was read, with its place. null is not an element:
// leaving it out would make a shorter list.
func readList[T any](r *answerReader, at string, yield func(at string, element *T) error) error {
	return r.array(at, func(i int) error {
		place := elementPlace(at, i)
		var element *T
		if err := r.value(place, &element); err != nil {
			return err
		}
		if element == nil {
			return &malformedError{reason: place + " is null, want an object"}
		}
		return yield(place, element)
	})
}
