package cli_test

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// world answers every unary call from invented data.
func world(_ context.Context, request proto.Message) (proto.Message, error) {
	switch r := request.(type) {
	case *marketplacev1.GetStoreRequest:
		if r.GetName() == movingStore().GetName() {
			return movingStore(), nil
		}
		return teaStore(), nil
	case *marketplacev1.ConnectStoreRequest, *marketplacev1.UpdateStoreRequest,
		*marketplacev1.RotateCredentialsRequest, *marketplacev1.CheckStoreRequest, *marketplacev1.PauseStoreRequest,
		*marketplacev1.ResumeStoreRequest, *marketplacev1.DisconnectStoreRequest:
		return teaStore(), nil
	case *marketplacev1.ListStoresRequest:
		return &marketplacev1.ListStoresResponse{Stores: []*marketplacev1.Store{lampStore(), movingStore(), teaStore()}}, nil
	case *marketplacev1.MigrateStoreRequest:
		return migration(marketplacev1.Migration_STATE_MOVING), nil
	case *marketplacev1.GetMigrationRequest:
		return migration(marketplacev1.Migration_STATE_COMPLETE), nil
	case *marketplacev1.UndoMigrationRequest:
		return migration(marketplacev1.Migration_STATE_RETURNING), nil
	case *marketplacev1.ImportOrdersRequest:
		return running(0), nil
	case *marketplacev1.GetImportRequest:
		if r.GetName() == readThroughBoth().GetName() {
			return readThroughBoth(), nil
		}
		return failed(), nil
	case *marketplacev1.ListImportsRequest:
		return &marketplacev1.ListImportsResponse{Imports: []*marketplacev1.Import{running(40), failed(), succeeded()}}, nil
	case *marketplacev1.GetOrderRequest:
		for _, o := range []*marketplacev1.Order{undecidedOrder(), ruledOrder()} {
			if r.GetName() == o.GetName() {
				return o, nil
			}
		}
		return pickupOrder(), nil
	case *marketplacev1.AcceptOrderRequest:
		return pendingOrder(marketplacev1.Decision_KIND_ACCEPT, marketplacev1.Decision_STATE_QUEUED), nil
	case *marketplacev1.RefuseOrderRequest:
		return pendingOrder(marketplacev1.Decision_KIND_REFUSE, marketplacev1.Decision_STATE_NEEDS_ATTENTION), nil
	case *marketplacev1.ListOrdersRequest:
		answer := &marketplacev1.ListOrdersResponse{Orders: []*marketplacev1.Order{pickupOrder(), hiddenOrder(), warehouseOrder(), undecidedOrder(), ruledOrder()}}
		if r.GetPageSize() == 3 {
			answer.NextPageToken = "page-2"
		}
		return answer, nil
	case *marketplacev1.ListCarriersRequest:
		return &marketplacev1.ListCarriersResponse{
			Carriers: []*marketplacev1.Carrier{
				{Code: "12", DisplayName: "Colissimo", TrackingUrl: "https://tracking.example/colissimo?code=", Aliases: []string{"colis", "la poste colissimo"}},
				{Code: "7", DisplayName: "Mondial Relay"},
			},
			ReadTime: at(12, 0),
		}, nil
	case *marketplacev1.NotifyShipmentRequest:
		if r.GetValidateOnly() {
			return previewed(), nil
		}
		return shipment(marketplacev1.Shipment_STATE_QUEUED), nil
	case *marketplacev1.BatchNotifyShipmentsRequest:
		return batch(r), nil
	case *marketplacev1.RetryShipmentRequest:
		return shipment(marketplacev1.Shipment_STATE_QUEUED), nil
	case *marketplacev1.CancelShipmentRequest:
		return shipment(marketplacev1.Shipment_STATE_CANCELLED), nil
	case *marketplacev1.GetShipmentRequest:
		if r.GetName() == correction().GetName() {
			return correction(), nil
		}
		return shipment(marketplacev1.Shipment_STATE_CONFIRMED), nil
	case *marketplacev1.ListShipmentsRequest:
		rejected := shipment(marketplacev1.Shipment_STATE_REJECTED)
		rejected.Name, rejected.Reason = "stores/tea/shipments/s0", "SHIPMENT_REJECTED"
		return &marketplacev1.ListShipmentsResponse{Shipments: []*marketplacev1.Shipment{
			shipment(marketplacev1.Shipment_STATE_CONFIRMED), rejected,
		}}, nil
	case *marketplacev1.ListAdaptersRequest:
		return &marketplacev1.ListAdaptersResponse{Adapters: severalAdapters()}, nil
	case *marketplacev1.GetAdapterRequest:
		return cdiscount(), nil
	case *marketplacev1.PinStoreRequest:
		return pinned(), nil
	case *marketplacev1.UnpinStoreRequest:
		return cdiscount(), nil
	case *marketplacev1.UnloadAdapterRequest:
		d := cdiscount()
		d.State, d.Message, d.Generation.Pid, d.Generation.Leases = marketplacev1.Adapter_STATE_UNLOADED, "the operator unloaded it", 0, 0
		return d, nil
	}
	return nil, status.Error(codes.Unimplemented, "the fake does not know this call")
}

// at is a time of the day on which everything here happens, UTC.
func at(hour, minute int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2024, 3, 5, hour, minute, 0, 0, time.UTC))
}

func euros(units int64, cents int32) *marketplacev1.Money {
	return &marketplacev1.Money{CurrencyCode: "EUR", Units: units, Nanos: cents * 10_000_000}
}

func teaStore() *marketplacev1.Store {
	return &marketplacev1.Store{
		Name: "stores/tea", Adapter: "adapters/cdiscount", Environment: "sandbox", Marketplace: "cdiscount",
		AccountId: "10452", ShopName: "TEA-AND-CO", Adapters: []string{"adapters/cdiscount"},
		AcceptanceMode: marketplacev1.Store_ACCEPTANCE_MODE_MANUAL,
		Settings: &marketplacev1.StoreSettings{
			DisplayName: "Tea & Co",
			Branding: &marketplacev1.Branding{
				WebsiteUri: "https://tea.example", SupportEmail: "help@tea.example", PackingSlipMessage: "Enjoy your tea!",
			},
			CustomerNotification: &marketplacev1.CustomerNotification{OnShipment: true},
			LookBack:             &marketplacev1.LookBack{FirstImportDays: 60},
			Acceptance: &marketplacev1.AcceptancePolicy{
				Mode: marketplacev1.AcceptancePolicy_MODE_LISTED, Skus: []string{"TEA-G", "TEA-B"}, MaxTotal: euros(50, 0),
			},
			ImportSchedule: &marketplacev1.ImportSchedule{Interval: durationpb.New(5 * time.Minute)},
		},
		Health:     &marketplacev1.StoreHealth{State: marketplacev1.StoreHealth_STATE_HEALTHY, SinceTime: at(8, 0)},
		CreateTime: at(8, 0), UpdateTime: at(9, 30),
		LastImportStartTime: at(9, 28), LastImportFinishTime: at(9, 30), NextImportTime: timestamppb.New(now.Add(4*time.Minute + 10*time.Second)),
	}
}

func lampStore() *marketplacev1.Store {
	return &marketplacev1.Store{
		Name: "stores/lamp", Adapter: "adapters/cdiscount", Environment: "production", Marketplace: "cdiscount",
		AccountId: "99", ShopName: "Lamps \x1b[31mUnited\tLtd",
		Health: &marketplacev1.StoreHealth{
			State: marketplacev1.StoreHealth_STATE_AUTH_REQUIRED, SinceTime: at(7, 0),
			Reason: "MARKETPLACE_CREDENTIALS_REJECTED", Message: "The marketplace refuses the credentials; rotate them.",
		},
		CreateTime: at(6, 0),
	}
}

// movingStore moves from one adapter to another.
func movingStore() *marketplacev1.Store {
	return &marketplacev1.Store{
		Name: "stores/soap", Adapter: "adapters/octopia", Adapters: []string{"adapters/octopia", "adapters/cdiscount"},
		Environment: "sandbox", Marketplace: "cdiscount", AccountId: "10001", ShopName: "Soap",
		AcceptanceMode: marketplacev1.Store_ACCEPTANCE_MODE_AUTOMATIC,
		Health:         &marketplacev1.StoreHealth{State: marketplacev1.StoreHealth_STATE_HEALTHY, SinceTime: at(8, 0)},
		Settings: &marketplacev1.StoreSettings{
			Acceptance:     &marketplacev1.AcceptancePolicy{Mode: marketplacev1.AcceptancePolicy_MODE_ALL},
			ImportSchedule: &marketplacev1.ImportSchedule{},
		},
		LastImportStartTime: timestamppb.New(now.Add(-90 * time.Second)), NextImportTime: timestamppb.New(now.Add(-time.Second)),
	}
}

func migration(state marketplacev1.Migration_State) *marketplacev1.Migration {
	m := &marketplacev1.Migration{
		Name: "stores/soap/migration", State: state, SourceAdapter: "adapters/cdiscount", TargetAdapter: "adapters/octopia",
		CutoverTime: at(10, 0), SourceOpenOrders: 12, TargetOpenOrders: 3,
		AccountMatch: marketplacev1.Migration_ACCOUNT_MATCH_VERIFIED, Message: "Imports read both until 12 orders have ended.",
	}
	switch state {
	case marketplacev1.Migration_STATE_COMPLETE:
		m.CompleteTime, m.SourceOpenOrders, m.Message = at(20, 0), 0, ""
		m.AccountMatch = marketplacev1.Migration_ACCOUNT_MATCH_STATED
	case marketplacev1.Migration_STATE_RETURNING:
		m.UndoTime, m.Message = at(11, 0), "Imports read both until 3 orders have ended."
	}
	return m
}

// imports

func running(percent int32) *marketplacev1.Import {
	return &marketplacev1.Import{
		Name: "stores/tea/imports/i3", State: marketplacev1.Import_STATE_RUNNING, StartTime: at(10, 0),
		Progress: &marketplacev1.ImportProgress{
			Percent: percent, OrdersRead: int64(percent) * 10, OrdersCreated: int64(percent), OrdersUnchanged: int64(percent) * 9,
		},
	}
}

func succeeded() *marketplacev1.Import {
	i := running(100)
	i.Scheduled = true
	i.State, i.FinishTime = marketplacev1.Import_STATE_SUCCEEDED, timestamppb.New(at(10, 1).AsTime().Add(1500*time.Millisecond))
	i.Windows = []*marketplacev1.ImportWindow{
		{Axis: marketplacev1.ImportWindow_AXIS_CREATED, SinceTime: at(0, 0), UntilTime: at(10, 0), FinishedUntilTime: at(10, 0)},
		{Axis: marketplacev1.ImportWindow_AXIS_MODIFIED, SinceTime: at(9, 0), UntilTime: at(10, 0), FinishedUntilTime: at(10, 0)},
	}
	return i
}

func failed() *marketplacev1.Import {
	i := running(50)
	i.State, i.FinishTime = marketplacev1.Import_STATE_FAILED, at(10, 2)
	i.Progress.OrdersMissing = 77
	i.Failure = &marketplacev1.ImportFailure{Reason: "MARKETPLACE_DOWN", Message: "The marketplace does not answer; import again later."}
	i.Windows = []*marketplacev1.ImportWindow{{Axis: marketplacev1.ImportWindow_AXIS_CREATED, SinceTime: at(0, 0), UntilTime: at(10, 0)}}
	return i
}

// readThroughBoth is an import of a moving store, whose old adapter does not answer.
func readThroughBoth() *marketplacev1.Import {
	i := running(100)
	i.Name, i.State, i.FinishTime = "stores/soap/imports/i4", marketplacev1.Import_STATE_SUCCEEDED, at(10, 2)
	i.Progress.OrdersElsewhere = 7
	i.Windows = []*marketplacev1.ImportWindow{
		{
			Adapter: "adapters/octopia", Axis: marketplacev1.ImportWindow_AXIS_CREATED,
			SinceTime: at(0, 0), UntilTime: at(10, 0), FinishedUntilTime: at(10, 0), ResumeCount: 2,
		},
		{
			Adapter: "adapters/cdiscount", Axis: marketplacev1.ImportWindow_AXIS_CREATED, SinceTime: at(0, 0), UntilTime: at(10, 0),
			Failure: &marketplacev1.ImportFailure{Reason: "MARKETPLACE_DOWN", Message: "The marketplace does not answer."},
		},
	}
	return i
}

// orders

func pickupOrder() *marketplacev1.Order {
	return &marketplacev1.Order{
		Name: "stores/tea/orders/2403051200AAAAA", OrderNumber: "2403051200AAAAA", Adapter: "adapters/cdiscount",
		Status: marketplacev1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, NativeStatus: "WaitingForShipmentAcceptation",
		Shippable: true, Fulfillment: marketplacev1.Fulfillment_FULFILLMENT_SELLER, SalesChannel: "CDSB2C",
		PurchaseTime: at(9, 0), MarketplaceUpdateTime: at(9, 5), ShipByTime: at(18, 0), DeliverFromTime: at(19, 0), DeliverByTime: at(20, 0),
		Customer: &marketplacev1.Customer{CustomerId: "c-77", FirstName: "Ada", LastName: "Invented", Email: "ada@relay.example"},
		ShipTo:   &marketplacev1.Address{Civility: "MRS", FirstName: "Ada", LastName: "Invented", Phone: "+33100000000", Email: "ada@relay.example"},
		BillTo: &marketplacev1.Address{
			FirstName: "Ada", LastName: "Invented", Lines: []string{"1 rue du Port", "Bat. B"}, PostalCode: "01000", City: "Bourg", CountryCode: "FR",
		},
		PickupPoint: &marketplacev1.PickupPoint{
			Network: marketplacev1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY, RawId: "12345", Id: "012345", Name: "Tabac de la Gare",
			Address: &marketplacev1.Address{Lines: []string{"2 place de la Gare"}, PostalCode: "01000", City: "Bourg", CountryCode: "FR"},
		},
		DeliveryMode: &marketplacev1.DeliveryMode{Kind: marketplacev1.DeliveryMode_KIND_PICKUP, NativeCode: "REL"},
		Lines: []*marketplacev1.OrderLine{
			{
				LineId: "1", Sku: "TEA-G", Title: "Green tea", Quantity: 3,
				UnitPrice:  &marketplacev1.Money{CurrencyCode: "EUR", Units: 3, Nanos: 333_333_333},
				TotalPrice: euros(10, 0), ShippingPrice: euros(2, 99),
				Status: marketplacev1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, NativeStatus: "WaitingForShipmentAcceptation",
				Options:      []*marketplacev1.ItemOption{{Name: "colour", Value: "green"}, {Name: "size", Value: "250 g"}},
				OptionLookup: marketplacev1.OrderLine_OPTION_LOOKUP_FOUND,
			},
			{
				LineId: "2", Sku: "TEA-B", Title: "Black tea", Quantity: 1, UnitPrice: euros(4, 50), TotalPrice: euros(4, 50),
				Status: marketplacev1.OrderStatus_ORDER_STATUS_CANCELLED, NativeStatus: "CancelledByCustomer", CancelRequested: true,
				OptionLookup: marketplacev1.OrderLine_OPTION_LOOKUP_FAILED,
			},
			{LineId: "3", Sku: "CUP", Title: "Cup", Quantity: 1, OptionLookup: marketplacev1.OrderLine_OPTION_LOOKUP_NOT_FOUND},
			{LineId: "4", Sku: "POT", Title: "Pot", Quantity: 1, OptionLookup: marketplacev1.OrderLine_OPTION_LOOKUP_FOUND},
			{LineId: "5", Sku: "LID", Title: "Lid", Quantity: 1},
		},
		Decision: &marketplacev1.Decision{
			Kind: marketplacev1.Decision_KIND_ACCEPT, State: marketplacev1.Decision_STATE_CONFIRMED, SendCount: 1,
			Message: "The marketplace shows the order as accepted.", CreateTime: at(9, 2), UpdateTime: at(9, 4),
		},
		Fees:       []*marketplacev1.Fee{{Code: "INTERETBCA", Label: "Payment in 4 parts", Amount: euros(0, 30)}},
		Parcels:    []*marketplacev1.Parcel{{TrackingNumber: "T-1", Carrier: "Mondial Relay", NativeStatus: "InTransit", TrackingUrl: "https://tracking.example/T-1"}},
		Totals:     &marketplacev1.OrderTotals{Total: euros(17, 79), Shipping: euros(2, 99), Commission: euros(-1, -75)},
		CreateTime: at(9, 10), UpdateTime: at(9, 20),
		Unrecognized: []*marketplacev1.UnrecognizedValue{{Field: "VisaCegid", Value: "Maybe"}},
	}
}

func hiddenOrder() *marketplacev1.Order {
	return &marketplacev1.Order{
		Name: "stores/tea/orders/2403051200BBBBB", Status: marketplacev1.OrderStatus_ORDER_STATUS_PROCESSING, NativeStatus: "AcceptedBySeller",
		NotShippable: []*marketplacev1.NotShippable{
			{Reason: marketplacev1.NotShippable_REASON_STATUS, Message: "The payment is being checked."},
			{Reason: marketplacev1.NotShippable_REASON_NO_SHIP_TO_ADDRESS, Message: "The marketplace gave no Ship To address."},
			{Reason: marketplacev1.NotShippable_REASON_CANCEL_REQUESTED, Message: "The buyer asks to cancel."},
		},
		CancelRequested: true, PurchaseTime: at(9, 15), UpdateTime: at(9, 21),
		DeliveryMode: &marketplacev1.DeliveryMode{NativeCode: "NEW"},
		Lines:        []*marketplacev1.OrderLine{{LineId: "1", Quantity: 2}},
		Totals:       &marketplacev1.OrderTotals{Total: euros(8, 0)},
	}
}

// pendingOrder is an order that waits for the seller, who has decided.
func pendingOrder(kind marketplacev1.Decision_Kind, state marketplacev1.Decision_State) *marketplacev1.Order {
	d := &marketplacev1.Decision{
		Kind: kind, State: state, Message: "Stored.", NextAttemptTime: at(9, 30), CreateTime: at(9, 30), UpdateTime: at(9, 30),
	}
	switch state {
	case marketplacev1.Decision_STATE_REJECTED, marketplacev1.Decision_STATE_NEEDS_ATTENTION:
		d.Reason, d.Message, d.SendCount, d.NextAttemptTime = "ORDER_NOT_PENDING", "The order has ended on the marketplace.", 1, nil
		d.UpdateTime = at(9, 31)
	case marketplacev1.Decision_STATE_CONFIRMED:
		d.Message, d.SendCount, d.NextAttemptTime, d.UpdateTime = "The marketplace shows it.", 1, nil, at(9, 31)
	}
	return &marketplacev1.Order{
		Name: "stores/tea/orders/2403051200DDDDD", OrderNumber: "2403051200DDDDD", Adapter: "adapters/cdiscount",
		Status: marketplacev1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE, NativeStatus: "WaitingForSellerAcceptation",
		NotShippable: []*marketplacev1.NotShippable{{Reason: marketplacev1.NotShippable_REASON_STATUS}},
		Customer:     &marketplacev1.Customer{FirstName: "Ada", LastName: "Invented"}, Decision: d, UpdateTime: at(9, 20),
	}
}

// undecidedOrder waits for the seller; the store's policy leaves it to a person.
func undecidedOrder() *marketplacev1.Order {
	o := pendingOrder(marketplacev1.Decision_KIND_ACCEPT, marketplacev1.Decision_STATE_QUEUED)
	o.Name, o.OrderNumber, o.Decision = "stores/tea/orders/2403051200EEEEE", "2403051200EEEEE", nil
	o.AcceptanceDeadlineTime = timestamppb.New(now.Add(26 * time.Hour))
	o.NotAccepted = []*marketplacev1.NotAccepted{
		{Reason: marketplacev1.NotAccepted_REASON_LINE_NOT_LISTED, LineId: "1", Message: `article "CUP" of line 1 is not in the list`},
		{Reason: marketplacev1.NotAccepted_REASON_LINE_NOT_LISTED, LineId: "2", Message: "line 2 has no SKU"},
		{Reason: marketplacev1.NotAccepted_REASON_TOTAL_ABOVE_LIMIT, Message: "the total of 60.00 EUR is above the limit of 50.00 EUR"},
	}
	return o
}

// ruledOrder was accepted by a rule.
func ruledOrder() *marketplacev1.Order {
	o := pendingOrder(marketplacev1.Decision_KIND_ACCEPT, marketplacev1.Decision_STATE_SENDING)
	o.Name, o.OrderNumber = "stores/tea/orders/2403051200FFFFF", "2403051200FFFFF"
	o.Decision.DecidedBy = "every article is in the list and the total is not above 50.00 EUR"
	return o
}

func warehouseOrder() *marketplacev1.Order {
	return &marketplacev1.Order{
		Name: "stores/tea/orders/2403051200CCCCC", Status: 99, // a status of a newer server
		NotShippable: []*marketplacev1.NotShippable{{Reason: marketplacev1.NotShippable_REASON_FULFILLED_BY_MARKETPLACE}},
		Fulfillment:  marketplacev1.Fulfillment_FULFILLMENT_MARKETPLACE,
		DeliveryMode: &marketplacev1.DeliveryMode{Kind: marketplacev1.DeliveryMode_KIND_TRACKED, NativeCode: "TRK"},
		UpdateTime:   at(9, 22),
	}
}

// shipments

func shipment(state marketplacev1.Shipment_State) *marketplacev1.Shipment {
	s := &marketplacev1.Shipment{
		Name: "stores/tea/shipments/s1", Order: "stores/tea/orders/2403051200AAAAA", Carrier: "mondial relay", MarketplaceCarrier: "Mondial Relay",
		TrackingNumber: "T-1", CarrierFee: euros(4, 90), ShipTime: at(11, 0), NotSentFields: []string{"carrier_fee", "service"}, Service: "24R",
		State: state, CreateTime: at(11, 1), UpdateTime: at(11, 2), DeadlineTime: at(23, 0), RequestId: "r-1",
		Items:  []*marketplacev1.ShipmentItem{{LineId: "1", Quantity: 3}, {LineId: "2"}},
		Events: []*marketplacev1.ShipmentEvent{{Time: at(11, 1), State: marketplacev1.Shipment_STATE_QUEUED, Kind: marketplacev1.ShipmentEvent_KIND_ACCEPTED, Message: "Stored."}},
	}
	if state != marketplacev1.Shipment_STATE_QUEUED {
		s.SendCount = 1
		s.Events = append(s.Events, &marketplacev1.ShipmentEvent{Time: at(11, 2), State: state, Kind: marketplacev1.ShipmentEvent_KIND_SENT, Message: "The marketplace answered."})
	}
	if state == marketplacev1.Shipment_STATE_CONFIRMED {
		s.Evidence = marketplacev1.Shipment_EVIDENCE_TRACKING
	}
	return s
}
