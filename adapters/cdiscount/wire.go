package cdiscount

// What is used of the elements of GetOrderList, as text: a value that nobody can read must not make the whole answer
// unreadable. Fields are named as in the schema, so that reading them is a table; elements that are not named here are
// skipped, those that do not come stay empty. An element that comes twice, or holds elements instead of text, is another
// matter: which value counts nobody knows, and the whole answer is malformed.

// wireOrder is an Order (cdiscount-soap.md 6.2).
type wireOrder struct {
	BillingAddress                    wireAddress
	CorporationCode                   string
	CreationDate                      string
	Customer                          wireCustomer
	InitialTotalAmount                string
	InitialTotalShippingChargesAmount string
	IsCLogistiqueOrder                string
	LastUpdatedDate                   string
	ModGesLog                         string
	ModifiedDate                      string
	Lines                             []*wireLine
	OrderNumber                       string
	OrderState                        string
	Parcels                           []*wireParcel
	PartnerOrderRef                   string
	ShippingAddress                   wireAddress
	ShippingCode                      string
	ShippingDateMax                   string
	ShippingDateMin                   string
	SiteCommissionPromisedAmount      string
	SiteCommissionValidatedAmount     string
	ValidatedTotalAmount              string
	ValidatedTotalShippingCharges     string
}

// read reads an Order. The values are there after r.settle; pointers to them are kept until then, which is why lines and
// parcels are held by pointer.
func (w *wireOrder) read(r *answerReader) error {
	*w = wireOrder{Lines: w.Lines[:0], Parcels: w.Parcels[:0]}
	from, parts := len(r.seen), orderPart(0)
	for {
		name, ok, err := r.child()
		if err != nil || !ok {
			r.seen = r.seen[:from]
			return err
		}
		part := orderPartOf(name)
		if parts&part != 0 {
			return errTwice
		}
		parts |= part
		switch string(name) {
		case "BillingAddress":
			err = r.record(&w.BillingAddress)
		case "Corporation":
			err = r.record((*corporation)(w))
		case "Customer":
			err = r.record(&w.Customer)
		case "OrderLineList":
			err = readList(r, "OrderLine", &w.Lines)
		case "ParcelList":
			err = readList(r, "Parcel", &w.Parcels)
		case "ShippingAddress":
			err = r.record(&w.ShippingAddress)
		default:
			err = r.value(w.field(name), from)
		}
		if err != nil {
			return err
		}
	}
}

// orderPart is a set of those elements of an order that hold elements themselves.
type orderPart uint8

// orderPartOf returns the part with that name; the empty set for a name that is none or not used.
func orderPartOf(name []byte) orderPart {
	switch string(name) {
	case "BillingAddress":
		return 1 << 0
	case "Corporation":
		return 1 << 1
	case "Customer":
		return 1 << 2
	case "OrderLineList":
		return 1 << 3
	case "ParcelList":
		return 1 << 4
	case "ShippingAddress":
		return 1 << 5
	}
	return 0
}

func (w *wireOrder) field(name []byte) *string {
	switch string(name) {
	case "CreationDate":
		return &w.CreationDate
	case "InitialTotalAmount":
		return &w.InitialTotalAmount
	case "InitialTotalShippingChargesAmount":
		return &w.InitialTotalShippingChargesAmount
	case "IsCLogistiqueOrder":
		return &w.IsCLogistiqueOrder
	case "LastUpdatedDate":
		return &w.LastUpdatedDate
	case "ModGesLog":
		return &w.ModGesLog
	case "ModifiedDate":
		return &w.ModifiedDate
	case "OrderNumber":
		return &w.OrderNumber
	case "OrderState":
		return &w.OrderState
	case "PartnerOrderRef":
		return &w.PartnerOrderRef
	case "ShippingCode":
		return &w.ShippingCode
	case "ShippingDateMax":
		return &w.ShippingDateMax
	case "ShippingDateMin":
		return &w.ShippingDateMin
	case "SiteCommissionPromisedAmount":
		return &w.SiteCommissionPromisedAmount
	case "SiteCommissionValidatedAmount":
		return &w.SiteCommissionValidatedAmount
	case "ValidatedTotalAmount":
		return &w.ValidatedTotalAmount
	case "ValidatedTotalShippingCharges":
		return &w.ValidatedTotalShippingCharges
	}
	return nil
}

// corporation is the Corporation of an order, of which only the code is used.
type corporation wireOrder

func (w *corporation) field(name []byte) *string {
	if string(name) == "CorporationCode" {
		return &w.CorporationCode
	}
	return nil
}

// record is an element whose children are values.
type record interface {
	// field returns where the value of a child belongs, nil when it is not used.
	field(name []byte) *string
}

// record reads the children of the element under way into a record; its values are there after settle.
func (r *answerReader) record(into record) error {
	from := len(r.seen)
	for {
		name, ok, err := r.child()
		if err != nil || !ok {
			r.seen = r.seen[:from]
			return err
		}
		if err := r.value(into.field(name), from); err != nil {
			return err
		}
	}
}

// value consumes a child of the record that began at from in r.seen: into into when it is used, which is once.
func (r *answerReader) value(into *string, from int) error {
	if into == nil {
		return r.skip()
	}
	if err := r.once(into, from); err != nil {
		return err
	}
	return r.later(into)
}

// readList reads the children with a name of the element under way as records, behind those that list holds already. Nil
// elements say nothing and are left out.
func readList[T any, P interface {
	*T
	record
}](r *answerReader, element string, list *[]*T) error {
	for {
		name, ok, err := r.child()
		if err != nil || !ok {
			return err
		}
		if string(name) == element && !r.isNil() {
			err = r.record(P(reuse(list)))
		} else {
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// reuse appends an empty element to a list and returns it: one that an earlier, longer list left behind, or a new one.
func reuse[T any](list *[]*T) *T {
	n := len(*list)
	if n < cap(*list) {
		if *list = (*list)[:n+1]; (*list)[n] != nil {
			var empty T
			*(*list)[n] = empty
			return (*list)[n]
		}
		(*list)[n] = new(T)
		return (*list)[n]
	}
	*list = append(*list, new(T))
	return (*list)[n]
}

// wireLine is an OrderLine (cdiscount-soap.md 6.3).
type wireLine struct {
	AcceptationState              string
	DeliveryDateMax               string
	DeliveryDateMin               string
	Name                          string
	ProductCondition              string
	ProductEan                    string
	ProductID                     string
	PurchasePrice                 string
	Quantity                      string
	SellerProductID               string
	ShippingDateMax               string
	Sku                           string
	UnitAdditionalShippingCharges string
	UnitShippingCharges           string
}

func (w *wireLine) field(name []byte) *string {
	switch string(name) {
	case "AcceptationState":
		return &w.AcceptationState
	case "DeliveryDateMax":
		return &w.DeliveryDateMax
	case "DeliveryDateMin":
		return &w.DeliveryDateMin
	case "Name":
		return &w.Name
	case "ProductCondition":
		return &w.ProductCondition
	case "ProductEan":
		return &w.ProductEan
	case "ProductId":
		return &w.ProductID
	case "PurchasePrice":
		return &w.PurchasePrice
	case "Quantity":
		return &w.Quantity
	case "SellerProductId":
		return &w.SellerProductID
	case "ShippingDateMax":
		return &w.ShippingDateMax
	case "Sku":
		return &w.Sku
	case "UnitAdditionalShippingCharges":
		return &w.UnitAdditionalShippingCharges
	case "UnitShippingCharges":
		return &w.UnitShippingCharges
	}
	return nil
}

// wireParcel is a Parcel (cdiscount-soap.md 6.5). None was ever recorded.
type wireParcel struct {
	CustomerNum                string
	ExternalCarrierName        string
	ExternalCarrierTrackingURL string
	IsCustomerReturn           string
	ParcelStatus               string
	RealCarrierCode            string
}

func (w *wireParcel) field(name []byte) *string {
	switch string(name) {
	case "CustomerNum":
		return &w.CustomerNum
	case "ExternalCarrierName":
		return &w.ExternalCarrierName
	case "ExternalCarrierTrackingUrl":
		return &w.ExternalCarrierTrackingURL
	case "IsCustomerReturn":
		return &w.IsCustomerReturn
	case "ParcelStatus":
		return &w.ParcelStatus
	case "RealCarrierCode":
		return &w.RealCarrierCode
	}
	return nil
}

// wireAddress is an Address (cdiscount-soap.md 6.4).
type wireAddress struct {
	Address1        string
	Address2        string
	ApartmentNumber string
	Building        string
	City            string
	Civility        string
	CompanyName     string
	Country         string
	County          string
	FirstName       string
	Instructions    string
	LastName        string
	PlaceName       string
	RelayID         string
	Street          string
	ZipCode         string
}

func (w *wireAddress) field(name []byte) *string {
	switch string(name) {
	case "Address1":
		return &w.Address1
	case "Address2":
		return &w.Address2
	case "ApartmentNumber":
		return &w.ApartmentNumber
	case "Building":
		return &w.Building
	case "City":
		return &w.City
	case "Civility":
		return &w.Civility
	case "CompanyName":
		return &w.CompanyName
	case "Country":
		return &w.Country
	case "County":
		return &w.County
	case "FirstName":
		return &w.FirstName
	case "Instructions":
		return &w.Instructions
	case "LastName":
		return &w.LastName
	case "PlaceName":
		return &w.PlaceName
	case "RelayId":
		return &w.RelayID
	case "Street":
		return &w.Street
	case "ZipCode":
		return &w.ZipCode
	}
	return nil
}

// wireCustomer is a Customer (cdiscount-soap.md 6.4).
type wireCustomer struct {
	Civility          string
	CustomerID        string
	Email             string
	EncryptedEmail    string
	FirstName         string
	LastName          string
	MobilePhone       string
	Phone             string
	ShippingFirstName string
	ShippingLastName  string
}

func (w *wireCustomer) field(name []byte) *string {
	switch string(name) {
	case "Civility":
		return &w.Civility
	case "CustomerId":
		return &w.CustomerID
	case "Email":
		return &w.Email
	case "EncryptedEmail":
		return &w.EncryptedEmail
	case "FirstName":
		return &w.FirstName
	case "LastName":
		return &w.LastName
	case "MobilePhone":
		return &w.MobilePhone
	case "Phone":
		return &w.Phone
	case "ShippingFirstName":
		return &w.ShippingFirstName
	case "ShippingLastName":
		return &w.ShippingLastName
	}
	return nil
}
